import { z } from 'zod';
import { Secret } from '../../../domain/secret.ts';
import { parseWebUrl } from '../../net/web-url.ts';
import { defaultTls, tlsSettings } from '../../net/tls/settings.ts';
import {
  CANNOT_WORK,
  fileInsteadOf,
  secret,
  secretFile,
  unlessEmpty,
  type ConfigFiles,
} from '../../../settings/values.ts';
import { isSignatureAlgorithm, readSigningKey, SIGNATURE_ALGORITHMS, type AssertionSettings } from './jwt.ts';
import { JWT_BEARER, TokenSource, type OAuth2Settings } from './oauth2.ts';
import { checkProxy, proxyKeys, proxyRules } from '../proxy/proxy-settings.ts';
import { isHttp } from '../target.ts';
import { TokenEndpoint } from './token-endpoint.ts';

/** The keys of the grant `jwt-bearer`; they have no effect without it, as in blackbox_exporter. */
function assertionKeys(files: ConfigFiles) {
  return {
    client_certificate_key: unlessEmpty(secret).meta({
      description:
        'the RSA private key that signs the assertion, for the grant `jwt-bearer`: PEM without a passphrase',
    }),
    client_certificate_key_file: unlessEmpty(secretFile(files)).meta(fileInsteadOf('client_certificate_key')),
    client_certificate_key_id: z
      .string()
      .default('')
      .meta({ description: 'names the key to the token endpoint (`kid`)' }),
    signature_algorithm: z
      .string()
      .default('')
      .meta({ description: 'how the assertion is signed: `RS256`, the default, `RS384` or `RS512`' }),
    iss: z.string().default('').meta({ description: 'who issues the assertion; `client_id` when empty' }),
    audience: z
      .string()
      .default('')
      .meta({ description: 'whom the assertion is for; `token_url` when empty' }),
    claims: z
      .record(z.string(), z.unknown().meta({ description: 'the value of the claim, of any form' }))
      .default({})
      .meta({ description: 'further claims of the assertion, which replace its own of the same name' }),
  };
}

const GRANTS: readonly string[] = ['', 'client_credentials', JWT_BEARER];

/** blackbox_exporter treats an unknown grant as client credentials. */
function grantType({ lenient = false }: ConfigFiles) {
  if (lenient) return z.string();
  return z.string().refine((grant) => GRANTS.includes(grant), {
    error: `expected client_credentials or ${JWT_BEARER}`,
  });
}

const tokenUrl = z.string().transform((text, context) => {
  const url = parseWebUrl(text);
  if (!('problem' in url) && isHttp(url)) return { text, url };
  context.addIssue({ code: 'custom', message: 'expected the URL of a token endpoint', params: CANNOT_WORK });
  return z.NEVER;
});

function tokenRequestKeys(files: ConfigFiles) {
  return {
    scopes: z.array(z.string()).default([]).meta({ description: 'the scopes that are asked for' }),
    grant_type: grantType(files)
      .default('client_credentials')
      .meta({ description: `\`client_credentials\`, or \`${JWT_BEARER}\` for a signed assertion` }),
    token_url: tokenUrl.meta({ description: 'the token endpoint; its redirects are not followed' }),
    endpoint_params: z
      .record(z.string(), z.string().meta({ description: 'the value of the field' }))
      .default({})
      .meta({
        description: 'further fields of the request for a token; `grant_type` replaces that of the grant',
      }),
  };
}

function oauth2Schema(files: ConfigFiles) {
  return z
    .strictObject({
      client_id: z.string().min(1).meta({ description: 'the client that the token is issued to' }),
      client_secret: unlessEmpty(secret).meta({
        description: "the client's secret, for the grant `client_credentials`; empty when absent",
      }),
      client_secret_file: unlessEmpty(secretFile(files)).meta(fileInsteadOf('client_secret')),
      ...tokenRequestKeys(files),
      tls_config: tlsSettings(files, 'for `token_url`'),
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
  return tokenSource(files)
    .optional()
    .meta({ description: 'where to fetch an access token, which is kept until 10 s before it expires' });
}

function tokenSource(files: ConfigFiles) {
  return oauth2Schema(files).transform((given, context) => {
    const grant = given.grant_type === JWT_BEARER ? assertionGrant(given) : secretGrant(given);
    if ('problem' in grant) {
      context.addIssue({ code: 'custom', path: [grant.key], message: grant.problem, params: CANNOT_WORK });
      return z.NEVER;
    }
    const rules = proxyRules(given, files);
    const endpoint = new TokenEndpoint({
      url: given.token_url.url,
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

interface GrantProblem {
  readonly key: keyof OAuth2Given;
  readonly problem: string;
}

function assertionGrant(given: OAuth2Given): OAuth2Settings['grant'] | GrantProblem {
  const { client_certificate_key: inline, client_certificate_key_file: file } = given;
  const algorithm = given.signature_algorithm === '' ? 'RS256' : given.signature_algorithm;
  if (!isSignatureAlgorithm(algorithm))
    return { key: 'signature_algorithm', problem: `expected one of ${SIGNATURE_ALGORITHMS.join(', ')}` };
  const pem = inline ?? file;
  if (pem === undefined || (inline !== undefined && file !== undefined)) {
    const expected = 'expected exactly one of client_certificate_key and client_certificate_key_file';
    return { key: 'grant_type', problem: `jwt-bearer needs a key: ${expected}` };
  }
  try {
    return { assertion: assertionSettings(given, readSigningKey(pem.reveal(), algorithm), algorithm) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const key = inline === undefined ? 'client_certificate_key_file' : 'client_certificate_key';
    return { key, problem: `the key cannot sign: ${why}; expected an RSA private key` };
  }
}

function assertionSettings(
  given: OAuth2Given,
  key: AssertionSettings['key'],
  algorithm: AssertionSettings['algorithm'],
): AssertionSettings {
  const { client_id: subject, client_certificate_key_id: keyId, claims, scopes, audience, iss } = given;
  return {
    ...{ key, keyId, algorithm, subject, scopes, claims },
    issuer: iss === '' ? subject : iss,
    audience: audience === '' ? given.token_url.text : audience,
  };
}
