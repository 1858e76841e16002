import { z } from 'zod';
import type { EpochMs } from '../../../domain/clock.ts';
import { Secret } from '../../../domain/secret.ts';
import { fail } from '../../net/failure.ts';

export interface Token {
  readonly authorization: Secret;
  /** Monotonic ms; undefined: it never expires. */
  readonly expiresAt: EpochMs | undefined;
}

/** The answer of a token endpoint. */
export interface TokenAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly text: string;
}

const tokenAnswer = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]+$/),
  token_type: z.string().nullish(),
  expires_in: z.coerce.number().nullish(),
});

/**
 * Reads the answer of a token endpoint; its text is never shown, since it may hold a token.
 * @param asked monotonic ms
 * @throws ProbeFailure `auth` when it holds no token
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-5.1
 */
export function readToken(answer: TokenAnswer, asked: EpochMs): Token {
  const { status } = answer;
  if (status < 200 || status >= 300)
    throw fail('auth', `The token endpoint answered with HTTP status ${status}`);
  const parsed = tokenAnswer.safeParse(parsedText(answer));
  if (!parsed.success) throw fail('auth', 'The token endpoint answered without an access_token');
  const { access_token: token, token_type: given, expires_in: seconds } = parsed.data;
  return {
    authorization: new Secret(`${tokenType(given ?? '')} ${token}`),
    // a lifetime of 0 counts as not given, as in Go
    expiresAt:
      seconds === undefined || seconds === null || seconds <= 0 ? undefined : asked + seconds * 1_000,
  };
}

function tokenType(given: string): string {
  const type = given.replace(/[^\w-]/g, '');
  return type === '' || /^bearer$/i.test(type) ? 'Bearer' : type;
}

/** The parsed JSON; some endpoints answer with a form instead. */
function parsedText({ text, contentType = '' }: TokenAnswer): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    const isForm = /^\s*(?:application\/x-www-form-urlencoded|text\/plain)\s*(?:;|$)/i.test(contentType);
    return isForm ? Object.fromEntries(new URLSearchParams(text)) : undefined;
  }
}
