import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import {
  decodeStatus,
  encodeRequest,
  loadWire,
  MalformedMessageError,
  unframe,
} from '../../../src/probes/grpc/messages.ts';

const { root } = protobuf.parse(`
  syntax = "proto3";
  package grpc.health.v1;
  message HealthCheckRequest { string service = 1; }
  message HealthCheckResponse {
    enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
    ServingStatus status = 1;
  }
  message Newer { int32 status = 1; string why = 2; fixed64 since = 3; fixed32 load = 4; repeated int64 more = 5; }
`);
const wire = await loadWire();
const type = (name: string) => root.lookupType(`grpc.health.v1.${name}`);

function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

describe('a request', () => {
  it('is read correctly by Protocol Buffers, for any name of the service', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (service) => {
        const message = unframe(encodeRequest(wire, service));
        expect(
          type('HealthCheckRequest')
            .decode(message ?? Buffer.alloc(0))
            .toJSON(),
        ).toEqual(service === '' ? {} : { service });
      }),
    );
  });
});

describe('an answer', () => {
  it('has the status that Protocol Buffers wrote', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (status) => {
        const message = type('HealthCheckResponse').encode({ status }).finish();
        expect(decodeStatus(wire, Buffer.from(message))).toBe(status);
      }),
    );
  });

  it('may have fields of later versions, which are skipped', () => {
    const newer = fc.record({
      status: fc.nat(3),
      why: fc.string(),
      since: fc.nat(),
      load: fc.nat(),
      more: fc.array(fc.nat()),
    });
    fc.assert(
      fc.property(newer, (value) => {
        expect(decodeStatus(wire, Buffer.from(type('Newer').encode(value).finish()))).toBe(value.status);
      }),
    );
  });

  it.each([
    ['', 0],
    ['0801', 1],
    ['08010802', 2],
    ['0a00', 0],
    ['08ffffffffffffffffff01', -1],
    ['1b100a1c0801', 1],
  ])('%s has the status %i', (hex, status) => {
    expect(decodeStatus(wire, Buffer.from(hex, 'hex'))).toBe(status);
  });

  it.each(['08', '0880', '0a05', '0d00', '0900', '0b', '0f', '00', '08ffffffffffffffffffff01'])(
    '%s is malformed',
    (hex) => {
      expect(() => decodeStatus(wire, Buffer.from(hex, 'hex'))).toThrow(MalformedMessageError);
    },
  );

  it('of any bytes is read, or reported as malformed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        for (const read of [
          () => decodeStatus(wire, Buffer.from(bytes)),
          () => unframe(Buffer.from(bytes)),
        ]) {
          try {
            read();
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedMessageError);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a frame', () => {
  it('returns its message, and is refused when truncated or followed by more', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), fc.integer({ min: 1, max: 5 }), (message, cut) => {
        const frame = framed(message);
        expect(unframe(frame)).toEqual(Buffer.from(message));
        if (frame.length > cut)
          expect(() => unframe(frame.subarray(0, frame.length - cut))).toThrow(MalformedMessageError);
        expect(() => unframe(Buffer.concat([frame, Buffer.of(0)]))).toThrow(MalformedMessageError);
      }),
    );
  });

  it('is reported as invalid', () => {
    expect(unframe(Buffer.alloc(0))).toBeUndefined();
  });
});
