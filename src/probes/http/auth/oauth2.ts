import type { EpochMs } from '../../../domain/clock.ts';
import type { Secret } from '../../../domain/secret.ts';
import { orAborted } from '../../../domain/cancellation.ts';
import { ProbeFailure } from '../../net/failure.ts';
import type { IpPreference } from '../../net/ip-settings.ts';
import type { Run } from '../../prober.ts';
import { basicAuthorization } from './auth.ts';
import { signedAssertion, type AssertionSettings } from './jwt.ts';
import { readToken, type Token } from './token-answer.ts';
import type { TokenEndpoint } from './token-endpoint.ts';

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

export interface OAuth2Settings {
  /** How the client authenticates: by its secret, or by what it signs. */
  readonly grant:
    { readonly clientId: string; readonly clientSecret: Secret } | { readonly assertion: AssertionSettings };
  readonly scopes: readonly string[];
  /** Additional form fields. */
  readonly params: readonly (readonly [string, string])[];
  readonly endpoint: TokenEndpoint;
}

/** The remaining lifetime of a token at which a new one is fetched. */
const MARGIN_MS = 10_000;

/**
 * Fetches access tokens, and keeps one until it expires.
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-4.4 and https://www.rfc-editor.org/rfc/rfc7523#section-2.1
 */
export class TokenSource {
  readonly #settings: OAuth2Settings;
  readonly #now: () => EpochMs;
  #token: Token | undefined;

  /** @param now wall clock (ms), for assertions */
  constructor(settings: OAuth2Settings, now: () => EpochMs) {
    this.#settings = settings;
    this.#now = now;
  }

  /**
   * The `Authorization` header for a request.
   * @throws ProbeFailure `auth` when the endpoint issues no token
   */
  async authorization(run: Run, ip: IpPreference): Promise<Secret> {
    const known = this.#token;
    if (
      known !== undefined &&
      (known.expiresAt === undefined || run.monotonic() < known.expiresAt - MARGIN_MS)
    )
      return known.authorization;
    run.log('fetching a token');
    const { grant } = this.#settings;
    this.#token =
      'assertion' in grant
        ? await this.#byAssertion(run, ip, grant.assertion)
        : await this.#bySecret(run, ip, grant);
    return this.#token.authorization;
  }

  /** Discards a token that the target rejects. */
  forget(): void {
    this.#token = undefined;
  }

  async #byAssertion(run: Run, ip: IpPreference, settings: AssertionSettings): Promise<Token> {
    const assertion = await orAborted(signedAssertion(settings, this.#now()), run.signal);
    const form = this.#form([
      ['grant_type', JWT_BEARER],
      ['assertion', assertion],
    ]);
    const asked = run.monotonic();
    return readToken(await this.#settings.endpoint.post(run, ip, { form }), asked);
  }

  /** Credentials go in the header first; if the endpoint then issues no token, they are sent in the body, as in Go. */
  async #bySecret(
    run: Run,
    ip: IpPreference,
    { clientId, clientSecret }: { readonly clientId: string; readonly clientSecret: Secret },
  ): Promise<Token> {
    const form = this.#form([['grant_type', 'client_credentials']]);
    const { endpoint } = this.#settings;
    const asked = run.monotonic();
    const authorization = basicAuthorization(formEncoded(clientId), formEncoded(clientSecret.reveal()));
    try {
      return readToken(await endpoint.post(run, ip, { form, authorization }), asked);
    } catch (error) {
      if (!(error instanceof ProbeFailure) || error.verdict.status === 'unknown') throw error;
    }
    form.set('client_id', clientId);
    form.set('client_secret', clientSecret.reveal());
    return readToken(await endpoint.post(run, ip, { form }), asked);
  }

  /** `endpoint_params` come last: a `grant_type` among them replaces the grant's own, as in Go. */
  #form(fields: readonly (readonly [string, string])[]): URLSearchParams {
    const { scopes, params } = this.#settings;
    const form = new URLSearchParams();
    const scope = scopes.length === 0 ? [] : [['scope', scopes.join(' ')] as const];
    for (const [name, value] of [...fields, ...scope, ...params]) form.set(name, value);
    return form;
  }
}

/**
 * Encodes a form field.
 * @see https://www.rfc-editor.org/rfc/rfc6749#appendix-B
 */
function formEncoded(text: string): string {
  const strict = (sign: string): string => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replace(/[!'()*]/g, strict);
}
