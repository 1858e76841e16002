import { z } from 'zod';
import { Secret } from '../../../domain/secret.ts';
import {
  CANNOT_WORK,
  fileInsteadOf,
  secret,
  secretFile,
  unlessEmpty,
  type ConfigFiles,
} from '../../../settings/values.ts';
import { headerBytes, isHeaderValue } from '../headers/text.ts';

/** A complete `Authorization` header; it is a secret. */
export type Authorization = Secret;

/** The authentication methods of blackbox_exporter's client block, for a settings schema. */
export function authSettings(files: ConfigFiles) {
  return {
    basic_auth: z
      .strictObject({
        username: unlessEmpty(z.string()).meta({ description: 'the user; empty when absent' }),
        username_file: unlessEmpty(secretFile(files)).meta(fileInsteadOf('username')),
        password: unlessEmpty(secret).meta({ description: 'its password' }),
        password_file: unlessEmpty(secretFile(files)).meta(fileInsteadOf('password')),
      })
      .refine((given) => given.password === undefined || given.password_file === undefined, {
        error: 'password and password_file are both given; expected one',
        path: ['password_file'],
      })
      .refine((given) => given.username === undefined || given.username_file === undefined, {
        error: 'username and username_file are both given; expected one',
        path: ['username_file'],
      })
      .optional()
      .meta({ description: 'the user and password to log in with' }),
    authorization: z
      .strictObject({
        type: z
          .string()
          .trim()
          .transform((scheme) => (scheme === '' ? 'Bearer' : scheme))
          .default('Bearer')
          .meta({ description: 'its scheme' }),
        credentials: unlessEmpty(secret).meta({ description: 'what follows the scheme' }),
        credentials_file: unlessEmpty(secretFile(files)).meta(fileInsteadOf('credentials')),
      })
      .refine((given) => given.credentials === undefined || given.credentials_file === undefined, {
        error: 'credentials and credentials_file are both given; expected one',
        path: ['credentials_file'],
      })
      .refine((given) => given.type.toLowerCase() !== 'basic', {
        error: 'the type Basic is not allowed here; use basic_auth',
        path: ['type'],
      })
      .optional()
      .meta({ description: 'the header `Authorization`; at most one way to authenticate may be given' }),
    bearer_token: unlessEmpty(secret).meta({
      description: 'short for `authorization` with the type `Bearer` and these credentials',
    }),
    bearer_token_file: unlessEmpty(secretFile(files)).meta(fileInsteadOf('bearer_token')),
  };
}

interface AuthGiven {
  readonly basic_auth?:
    | {
        readonly username?: string | undefined;
        readonly username_file?: Secret | undefined;
        readonly password?: Secret | undefined;
        readonly password_file?: Secret | undefined;
      }
    | undefined;
  readonly authorization?:
    | {
        readonly type: string;
        readonly credentials?: Secret | undefined;
        readonly credentials_file?: Secret | undefined;
      }
    | undefined;
  readonly bearer_token?: Secret | undefined;
  readonly bearer_token_file?: Secret | undefined;
  readonly oauth2?: object | undefined;
}

/** At most one method, with credentials that fit into a header. */
export function checkAuth(given: AuthGiven, context: z.core.$RefinementCtx): void {
  const keys = ['basic_auth', 'authorization', 'bearer_token', 'bearer_token_file', 'oauth2'] as const;
  const used = keys.filter((key) => given[key] !== undefined);
  if (used.length > 1) {
    context.addIssue({
      code: 'custom',
      message: `${used.join(' and ')} are given; expected one authentication method`,
    });
    return;
  }
  if (isHeaderValue(authorizationOf(given)?.reveal() ?? '')) return;
  context.addIssue({
    code: 'custom',
    path: [...used],
    params: CANNOT_WORK,
    message: 'the secret has characters that are not allowed in a header',
  });
}

export function authorizationOf(given: AuthGiven): Authorization | undefined {
  const { basic_auth: basic, authorization } = given;
  if (basic !== undefined) {
    const user = basic.username ?? basic.username_file?.reveal() ?? '';
    return basicAuthorization(user, (basic.password ?? basic.password_file)?.reveal() ?? '');
  }
  if (authorization !== undefined) {
    const credentials = authorization.credentials ?? authorization.credentials_file;
    return schemeAuthorization(authorization.type, credentials);
  }
  const bearer = given.bearer_token ?? given.bearer_token_file;
  return bearer === undefined ? undefined : schemeAuthorization('Bearer', bearer);
}

function schemeAuthorization(scheme: string, credentials: Secret | undefined): Authorization {
  return new Secret(headerBytes('Authorization', `${scheme} ${credentials?.reveal() ?? ''}`));
}

/** @see https://www.rfc-editor.org/rfc/rfc7617 */
export function basicAuthorization(user: string, password: string): Authorization {
  return new Secret(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`);
}
