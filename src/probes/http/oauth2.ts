import { z } from 'zod';
import { Secret } from '../../domain/secret.ts';
import { connectTo, resolve } from '../net/dial.ts';
import { fail, ProbeFailure } from '../net/failure.ts';
import type { IpPreference } from '../net/ip-settings.ts';
import type { TlsClient } from '../net/tls.ts';
import { defaultTls, tlsSettings } from '../net/tls-settings.ts';
import type { Run } from '../prober.ts';
import { secret, secretFile, type ConfigFiles } from '../settings.ts';
import { basicAuthorization } from './auth.ts';
import { readBody } from './body.ts';
import { exchange } from './http1/exchange.ts';
import { bareHost, portOf } from './target.ts';

interface OAuth2Settings {
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly scopes: readonly string[];
  readonly tokenUrl: URL;
  readonly params: readonly (readonly [string, string])[];
  readonly tls: TlsClient;
}

const grantType = z
  .enum(['client_credentials', 'urn:ietf:params:oauth:grant-type:jwt-bearer'])
  .refine((given) => given === 'client_credentials', {
    error: 'jwt-bearer is not possible: tokens are fetched by the client credentials grant alone',
    params: { unsupported: true },
  });

/** Prometheus's `oauth2` block: the client credentials grant. */
export function oauth2Settings(files: ConfigFiles) {
  return z
    .strictObject({
      client_id: z.string().min(1),
      client_secret: secret.optional(),
      client_secret_file: secretFile(files).optional(),
      scopes: z.array(z.string()).default([]),
      grant_type: grantType.optional(),
      token_url: z.url({ protocol: /^https?$/, error: 'expected the URL of a token endpoint' }),
      endpoint_params: z.record(z.string(), z.string()).default({}),
      tls_config: tlsSettings(files).optional(),
    })
    .refine((given) => (given.client_secret === undefined) !== (given.client_secret_file === undefined), {
      error: 'expected exactly one of client_secret and client_secret_file',
    })
    .transform(
      (given) =>
        new TokenSource({
          clientId: given.client_id,
          clientSecret: given.client_secret ?? given.client_secret_file ?? new Secret(''),
          scopes: given.scopes,
          tokenUrl: new URL(given.token_url),
          params: Object.entries(given.endpoint_params),
          tls: given.tls_config ?? defaultTls(),
        }),
    );
}

/** What is left of a token's life when a new one is fetched. */
const MARGIN_MS = 10_000;
const MAX_ANSWER_BYTES = 65_536;

interface Token {
  readonly authorization: Secret;
  /** Monotonic ms; undefined: it never expires. */
  readonly expiresAt: number | undefined;
}

interface TokenAnswer {
  readonly status: number;
  readonly text: string;
}

/** Fetches access tokens, and keeps one until it expires. @see https://www.rfc-editor.org/rfc/rfc6749#section-4.4 */
export class TokenSource {
  readonly #settings: OAuth2Settings;
  #token: Token | undefined;

  constructor(settings: OAuth2Settings) {
    this.#settings = settings;
  }

  /**
   * The `Authorization` header for a request.
   * @throws ProbeFailure `auth` when the endpoint gives none
   */
  async authorization(run: Run, ip: IpPreference): Promise<Secret> {
    const known = this.#token;
    if (
      known !== undefined &&
      (known.expiresAt === undefined || run.monotonic() < known.expiresAt - MARGIN_MS)
    )
      return known.authorization;
    run.log('token is fetched');
    const asked = run.monotonic();
    this.#token = readToken(await this.#ask(run, ip), asked);
    return this.#token.authorization;
  }

  /** Lets go of a token that the target does not take. */
  forget(): void {
    this.#token = undefined;
  }

  /** Credentials go in the header, as they should; endpoints that do not know that get them in the body. */
  async #ask(run: Run, ip: IpPreference): Promise<TokenAnswer> {
    const { clientId, clientSecret, scopes, params } = this.#settings;
    const form = new URLSearchParams([
      ['grant_type', 'client_credentials'],
      ...(scopes.length === 0 ? [] : [['scope', scopes.join(' ')] as [string, string]]),
      ...params.map(([name, value]): [string, string] => [name, value]),
    ]);
    const user = encodeURIComponent(clientId);
    const basic = basicAuthorization(user, encodeURIComponent(clientSecret.reveal()));
    const first = await this.#post(run, ip, { form: form.toString(), basic });
    if (first.status !== 400 && first.status !== 401) return first;
    form.set('client_id', clientId);
    form.set('client_secret', clientSecret.reveal());
    return this.#post(run, ip, { form: form.toString() });
  }

  async #post(
    run: Run,
    ip: IpPreference,
    { form, basic }: { readonly form: string; readonly basic?: Secret },
  ): Promise<TokenAnswer> {
    const { tokenUrl, tls } = this.#settings;
    const endpoint = { host: bareHost(tokenUrl), port: portOf(tokenUrl), ...ip, configured: true };
    const plain = await asAuth(async () => connectTo(run, endpoint, await resolve(run, endpoint)));
    try {
      const secure = tokenUrl.protocol === 'https:';
      const handshake = secure
        ? await asAuth(() => tls.handshake({ socket: plain, host: endpoint.host, signal: run.signal }))
        : undefined;
      if (handshake !== undefined && handshake.verdict.status !== 'success')
        throw fail('auth', `The token endpoint cannot be trusted: ${handshake.verdict.text}`);
      const response = await asAuth(() =>
        exchange({
          socket: handshake?.socket ?? plain,
          method: 'POST',
          path: `${tokenUrl.pathname}${tokenUrl.search}`,
          headers: [
            ...['Host', tokenUrl.host, 'User-Agent', 'Tocsin', 'Accept', 'application/json'],
            ...['Content-Type', 'application/x-www-form-urlencoded'],
            ...['Content-Length', String(Buffer.byteLength(form)), 'Connection', 'close'],
            ...(basic === undefined ? [] : ['Authorization', basic.reveal()]),
          ],
          body: form,
          onFirstByte: () => undefined,
        }),
      );
      const body = await readBody(response.body, { keep: MAX_ANSWER_BYTES, limit: MAX_ANSWER_BYTES });
      if (body.problem !== undefined) throw fail('auth', `The token endpoint: ${body.problem.message}`);
      return { status: response.status, text: body.start.toString('utf8') };
    } finally {
      plain.destroy();
    }
  }
}

/** What goes wrong with the token endpoint is not the target's connection, and is called so. */
async function asAuth<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ProbeFailure) || error.verdict.status === 'unknown') throw error;
    throw fail('auth', `No token could be fetched: ${error.message}`);
  }
}

const tokenAnswer = z.object({
  access_token: z.string().min(1),
  token_type: z.string().default('Bearer'),
  expires_in: z.coerce.number().positive().optional(),
});

/** Reads the answer of a token endpoint; its text is never shown, for it may hold a token. */
export function readToken({ status, text }: TokenAnswer, now: number): Token {
  if (status < 200 || status >= 300)
    throw fail('auth', `The token endpoint answers with HTTP status ${status}`);
  const parsed = tokenAnswer.safeParse(parsedJson(text));
  if (!parsed.success || !/^[\x21-\x7e]+$/.test(parsed.data.access_token))
    throw fail('auth', 'The token endpoint answers without an access_token');
  const { access_token: token, token_type: given, expires_in: seconds } = parsed.data;
  const type = /^bearer$/i.test(given) ? 'Bearer' : given.replace(/[^\w-]/g, '');
  return {
    authorization: new Secret(`${type} ${token}`),
    expiresAt: seconds === undefined ? undefined : now + seconds * 1_000,
  };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
