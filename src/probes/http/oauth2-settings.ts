import { z } from 'zod';
import { Secret } from '../../domain/secret.ts';
import { defaultTls, tlsSettings } from '../net/tls-settings.ts';
import { secret, secretFile, unlessEmpty, type ConfigFiles } from '../settings.ts';
import { isSignatureAlgorithm, readSigningKey, SIGNATURE_ALGORITHMS } from './jwt.ts';
import { JWT_BEARER, TokenSource, type OAuth2Settings } from './oauth2.ts';
import { checkProxy, proxyKeys, proxyRules } from './proxy-settings.ts';
import { TokenEndpoint } from './token-endpoint.ts';

/** The keys of the grant `jwt-bearer`; without it they have no effect, as in blackbox_exporter. */
function assertionKeys(files: ConfigFiles) {
  return {
    client_certificate_key: unlessEmpty(secret),
    client_certificate_key_file: unlessEmpty(secretFile(files)),
    client_certificate_key_id: z.string().default(''),
    signature_algorithm: z.string().default(''),
    iss: z.string().default(''),
    audience: z.string().default(''),
    claims: z.record(z.string(), z.unknown()).default({}),
  };
}

function oauth2Schema(files: ConfigFiles) {
  return z
    .strictObject({
      client_id: z.string().min(1),
      client_secret: unlessEmpty(secret),
      client_secret_file: unlessEmpty(secretFile(files)),
      scopes: z.array(z.string()).default([]),
      grant_type: z.enum(['', 'client_credentials', JWT_BEARER]).default('client_credentials'),
      token_url: z.url({ protocol: /^https?$/, error: 'expected the URL of a token endpoint' }),
      endpoint_params: z.record(z.string(), z.string()).default({}),
      tls_config: tlsSettings(files).optional(),
      ...assertionKeys(files),
      ...proxyKeys,
    })
    .refine((given) => given.client_secret === undefined || given.client_secret_file === undefined, {
      error: 'client_secret and client_secret_file are both given; expected one',
      path: ['client_secret_file'],
    })
    .superRefine(checkProxy);
}

type OAuth2Given = z.output<ReturnType<typeof oauth2Schema>>;

/** Prometheus's `oauth2` block: the client credentials grant, or an assertion that the client signs. */
export function oauth2Settings(files: ConfigFiles) {
  return oauth2Schema(files).transform((given, context) => {
    const grant = given.grant_type === JWT_BEARER ? assertionGrant(given, context) : secretGrant(given);
    if (grant === undefined) return z.NEVER;
    const rules = proxyRules(given, files);
    const endpoint = new TokenEndpoint({
      url: new URL(given.token_url),
      tls: given.tls_config ?? defaultTls(),
      proxy: rules,
    });
    const params = Object.entries(given.endpoint_params);
    return new TokenSource({ grant, scopes: given.scopes, params, endpoint }, () => Date.now());
  });
}

function secretGrant(given: OAuth2Given): OAuth2Settings['grant'] {
  const clientSecret = given.client_secret ?? given.client_secret_file ?? new Secret('');
  return { clientId: given.client_id, clientSecret };
}

/** Undefined when something is wrong, which is then told. */
function assertionGrant(
  given: OAuth2Given,
  context: z.core.$RefinementCtx,
): OAuth2Settings['grant'] | undefined {
  const { client_certificate_key: inline, client_certificate_key_file: file } = given;
  const refuse = (key: keyof OAuth2Given, message: string): undefined => {
    context.addIssue({ code: 'custom', path: [key], message });
    return undefined;
  };
  const algorithm = given.signature_algorithm === '' ? 'RS256' : given.signature_algorithm;
  if (!isSignatureAlgorithm(algorithm))
    return refuse('signature_algorithm', `expected one of ${SIGNATURE_ALGORITHMS.join(', ')}`);
  const pem = inline ?? file;
  if (pem === undefined || (inline !== undefined && file !== undefined))
    return refuse(
      'grant_type',
      'jwt-bearer signs by a key: expected exactly one of client_certificate_key and client_certificate_key_file',
    );
  try {
    const { client_id: subject, claims, scopes, audience, iss } = given;
    const assertion = {
      key: readSigningKey(pem.reveal(), algorithm),
      keyId: given.client_certificate_key_id,
      algorithm,
      issuer: iss === '' ? subject : iss,
      subject,
      audience: audience === '' ? given.token_url : audience,
      scopes,
      claims,
    };
    return { assertion };
  } catch (error) {
    const key = inline === undefined ? 'client_certificate_key_file' : 'client_certificate_key';
    const why = error instanceof Error ? error.message : String(error);
    return refuse(key, `the key cannot sign: ${why}; expected an RSA private key`);
  }
}
