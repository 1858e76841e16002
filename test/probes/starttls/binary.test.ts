import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ldapResultCode } from '../../../src/probes/starttls/binary.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('the result code of an LDAP answer', () => {
  it.each([
    ['success', '02 01 01 78 07 0a 01 00 04 00 04 00', 0],
    ['a protocol error', '02 01 01 78 07 0a 01 02 04 00 04 00', 2],
    ['another kind of answer', '02 01 01 61 07 0a 01 00 04 00 04 00', undefined],
    ['no message id', '78 07 0a 01 00 04 00 04 00', undefined],
    ['a length beyond the end', '02 01 01 78 20 0a 01 00', undefined],
    ['an absurd length', '02 01 01 78 88 ff ff ff ff ff ff ff ff', undefined],
    ['a result of two bytes', '02 01 01 78 04 0a 02 00 00', undefined],
    ['no bytes', '', undefined],
  ])('of %s', (_what, bytes, expected) => {
    expect(ldapResultCode(hex(bytes))).toBe(expected);
  });

  it('is a byte or undefined, for any input', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const code = ldapResultCode(Buffer.from(bytes));
        return code === undefined || (code >= 0 && code <= 255);
      }),
    );
  });
});
