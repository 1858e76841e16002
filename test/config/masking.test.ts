import { afterAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { z } from 'zod';
import { masked } from '../../src/config/masking.ts';
import { describingContext, rootSchema } from '../../src/config/root.ts';
import { Secret } from '../../src/domain/secret.ts';
import { probers } from '../../src/probes/registry.ts';
import { ConfigFolder } from '../support/config/config-files.ts';

const folder = new ConfigFolder();
afterAll(() => folder.remove());

const MARK = 'hunter2';

describe('masked', () => {
  it.each([
    // addresses without a scheme
    ['target', 'user:hunter2@host:6379', '<secret>@host:6379'],
    ['target', 'hunter2@host:6379', '<secret>@host:6379'],
    ['target', 'me:hunter@2@host:6379/0', '<secret>@host:6379/0'],
    ['targets', 'host:80/in?token=hunter2&page=hunter2', 'host:80/in?token=<secret>&page=<secret>'],
    ['address', ':hunter2@[2001:db8::1]:80', '<secret>@[2001:db8::1]:80'],
    ['proxy_url', 'hunter2@proxy:3128', '<secret>@proxy:3128'],
    // the user alone
    ['target', 'https://hunter2@host/', 'https://<secret>@host/'],
    ['target', 'https://hunter2:@host/', 'https://<secret>@host/'],
    ['target', 'https://hunter2:x-oauth-basic@host/', 'https://<secret>@host/'],
    ['target', 'http:hunter2:x@host/', '<secret>@host/'],
    ['target', 'http:/hunter2@host/', 'http:/<secret>@host/'],
    ['target', 'http:\\\\hunter2@host/', 'http:\\\\<secret>@host/'],
    ['target', '//hunter2@host/', '//<secret>@host/'],
    ['target', 'https://my user:hunter2 again@host/', 'https://<secret>@host/'],
    ['url', 'redis://:hunter2@host:6379/0', 'redis://<secret>@host:6379/0'],
    // the query
    ['target', 'https://host/?token=hunter2', 'https://host/?token=<secret>'],
    ['target', 'https://host/?a=1&apikey=hunter2#top', 'https://host/?a=<secret>&apikey=<secret>#top'],
    ['target', 'https://host/?a=x hunter2', 'https://host/?a=<secret>'],
    ['target', 'https://host/?hunter2', 'https://host/?<secret>'],
    ['target', 'https://host/?hunter2==', 'https://host/?<secret>'],
    ['target', 'https://host/?=hunter2', 'https://host/?=<secret>'],
    ['target', 'https://host/?a=b=hunter2;c=hunter2', 'https://host/?a=<secret>;c=<secret>'],
    ['target', 'https://host/#access_token=hunter2', 'https://host/#access_token=<secret>'],
    ['token_url', 'https://host/oauth?client=hunter2', 'https://host/oauth?client=<secret>'],
    // anywhere in a text
    ['description', 'see https://hunter2@host/x for more', 'see https://<secret>@host/x for more'],
    ['description', 'see https://host/x?key=hunter2 for more', 'see https://host/x?key=<secret> for more'],
    ['description', 'see https://host/x?hunter2 for more', 'see https://host/x?<secret> for more'],
    ['description', 'by me:hunter2@host:80', 'by <secret>@host:80'],
    ['description', 'GET /in?token=hunter2 HTTP/1.1', 'GET /in?token=<secret> HTTP/1.1'],
  ])('%s: %s', (key, given, shown) => {
    expect(masked({ [key]: given })).toEqual({ [key]: shown });
  });

  it.each([
    ['target', 'https://host:8443/a/b@2x.png'],
    ['target', 'host:6379'],
    ['target', '/run/app.sock'],
    ['target', '@abstract'],
    ['target', '[2001:db8::1]:80'],
    ['target', 'https://host/#top'],
    ['description', 'Who to ask? ops@example.org & others'],
    ['labels', 'team@example.org'],
    ['expect', '^\\+OK (ready|done)?'],
    ['listen', '127.0.0.1:10464'],
    ['password_file', 'secrets/p'],
    ['interval', '30s'],
  ])('leaves %s: %s unchanged', (key, given) => {
    expect(masked({ [key]: given })).toEqual({ [key]: given });
  });
});

/** Every place in a schema that holds an inline secret, as a value with `MARK` in that place. */
function secretPlaces(schema: z.core.$ZodType): unknown[] {
  if (takesSecret(schema)) return [MARK];
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
      return secretPlaces(def.innerType);
    case 'pipe':
      return secretPlaces(def.in._zod.def.type === 'transform' ? def.out : def.in);
    case 'union':
      return def.options.flatMap(secretPlaces);
    case 'array':
      return secretPlaces(def.element).map((inner) => [inner]);
    case 'record':
      return secretPlaces(def.valueType).map((inner) => ({ 'X-Any': inner }));
    case 'object':
      return Object.entries(def.shape).flatMap(([key, value]) =>
        secretPlaces(value).map((inner) => ({ [key]: inner })),
      );
    default:
      return [];
  }
}

function takesSecret(schema: z.core.$ZodType): boolean {
  // the schema of a file reads another text
  const result = [MARK, `https://${MARK}/`].map((text) => z.safeParse(schema, text));
  return result.some(({ data }) => data instanceof Secret && data.reveal().includes(MARK));
}

describe('a secret in a schema', () => {
  const files = { resolve: (path: string) => path, read: () => 'from-a-file' };
  const root = secretPlaces(rootSchema({ ...describingContext({ probers: [], collectors: [] }), files }));
  const ofProbers = probers.flatMap(({ type, schema }) =>
    secretPlaces(schema(files)).map((inner) => ({ [type]: inner })),
  );
  const places = [...root, ...ofProbers].map((place) => [JSON.stringify(place), place] as const);

  it('is found in many places', () => {
    const found = places.map(([text]) => text);
    expect(found.length).toBeGreaterThan(20);
    for (const known of ['ping_url', 'hmac', 'credentials', 'client_secret', 'metadata', 'http_headers'])
      expect(found.filter((text) => text.includes(known))).not.toEqual([]);
  });

  it.each(places)('is masked: %s', (_, place) => {
    expect(JSON.stringify(masked(place))).not.toContain(MARK);
  });
});

describe('GET /config', () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9_~.-]{0,6}$/).map((some) => `${MARK}${some}`);
  const user = fc.oneof(
    secret.map((one) => `${one}@`),
    secret.map((one) => `:${one}@`),
    secret.map((one) => `someone:${one}@`),
    fc.tuple(secret, secret).map(([one, other]) => `${one}:${other}@`),
  );
  const part = fc.oneof(
    secret.map((one) => `name=${one}`),
    secret.map((one) => `name=x=${one}`),
    secret.map((one) => one),
    fc.constant('name='),
  );
  const query = fc
    .array(part, { maxLength: 3 })
    .map((parts) => (parts.length === 0 ? '' : `?${parts.join('&')}`));
  const path = fc.constantFrom('', '/', '/readable/path', '/readable@2x.png');
  const optional = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined, freq: 4 });
  const url = (scheme: string) =>
    fc
      .tuple(optional(user), path, query)
      .map(
        ([who = '', where, what]) =>
          `${scheme}readable.example:8080`.replace('//', `//${who}`) + where + what,
      );

  const settings = fc.record(
    {
      headers: fc.record({ 'X-Readable-Name': secret, Cookie: secret.map((one) => `session=${one}`) }),
      http_headers: fc.record({ 'X-Own': fc.record({ values: fc.array(secret, { minLength: 1 }) }) }),
      body: secret,
      proxy_url: optional(user).map((who = '') => `http://${who}readable.example:3128`),
      basic_auth: fc.record({ username: fc.constant('readable'), password: secret }),
      oauth2: fc.record({
        client_id: fc.constant('readable'),
        client_secret: secret,
        token_url: url('https://'),
        endpoint_params: fc.dictionary(fc.constantFrom('audience', 'resource'), secret),
      }),
    },
    { requiredKeys: [] },
  );
  const auth = settings.map(({ basic_auth, oauth2, ...rest }) =>
    oauth2 === undefined ? { ...rest, ...(basic_auth && { basic_auth }) } : { ...rest, oauth2 },
  );
  const model = fc.record({
    token: secret,
    hook: secret,
    ping: secret,
    http: auth,
    target: url('https://'),
    redis: fc.tuple(optional(user), fc.constantFrom('', '/', '/2')),
    password: secret,
    sink: query,
    module: auth,
    sent: secret,
    metadata: secret,
    note: fc.tuple(fc.constantFrom('readable text ', ''), url('https://')).map((both) => both.join('')),
  });
  type Model = typeof model extends fc.Arbitrary<infer T> ? T : never;

  function written(given: Model) {
    const [who = '', db] = given.redis;
    return {
      server: { tokens: [{ name: 'readable', token: `${given.token}-1`, scopes: ['read'] }] },
      webhooks: [{ name: 'readable', tokens: [`${given.hook}-2`], hmac: { secret: `${given.hook}-3` } }],
      alertmanagers: [{ name: 'readable', url: 'http://readable.example:9093', webhook: 'readable' }],
      ping_url: `https://readable.example/${given.ping}`,
      sinks: [
        { name: 'bus', redis: { url: `redis://${who}readable.example${db}` } },
        { name: 'cloud', http: { url: `https://readable.example/in${given.sink}` } },
      ],
      services: [
        { name: 'web', description: given.note, target: given.target, http: given.http },
        {
          name: 'cache',
          targets: [{ address: `redis://${who}readable.example${db}`, alias: 'readable' }],
          redis: who.includes(':') ? {} : { password: given.password },
        },
      ],
    };
  }

  function modules(given: Model) {
    return {
      modules: {
        readable_web: { prober: 'http', http: given.module },
        readable_tcp: { prober: 'tcp', tcp: { query_response: [{ expect: '^readable', send: given.sent }] } },
        readable_grpc: { prober: 'grpc', grpc: { metadata: { 'x-readable': [given.metadata] } } },
      },
    };
  }

  it('shows everything but secrets, for any configuration', () => {
    fc.assert(
      fc.property(model, (given) => {
        folder.write('blackbox.yml', dump(modules(given)));
        const data = { ...written(given), probe_endpoint: { modules_file: 'blackbox.yml' } };
        const shown = folder.config(dump(data), { probers }).redacted();
        expect(shown).not.toContain(MARK);
        // a text that only looks like part of a ping URL is masked with it
        const readable = (text: string) => [...text.matchAll(/readable/g)].length;
        expect(readable(shown)).toBe(readable(dump(data)) + readable(dump(modules(given))) - 1);
      }),
      { numRuns: 40 },
    );
  });
});
