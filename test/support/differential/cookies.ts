import type { RequestListener } from 'node:http';
import type { Pair } from './differential.ts';
import { startHttp } from '../servers/http.ts';
import { momentOf } from './wire.ts';

const PAST = 'Thu, 01 Jan 2015 00:00:00 GMT';
const FUTURE = 'Fri, 01 Jan 2100 00:00:00 GMT';

/** `Set-Cookie` headers of one answer. */
const COOKIES: readonly (readonly string[])[] = [
  ['a=1'],
  ['a=1', 'b=2', 'c=3'],
  ['a=1', 'b=2', 'a=3'],
  ['A=1', 'a=2'],
  ['a='],
  ['a'],
  ['=1'],
  [''],
  ['a=b=c=='],
  [' a = 1 '],
  ['a b=1'],
  ['a@b=1'],
  ['a="1"'],
  ['a="1'],
  ['a=1"2'],
  ['a=1 2'],
  ['a=1,2'],
  ['a="1 2"'],
  ['a=1\\2'],
  ['a={"b":1}'],
  ['a=\u00e9'],
  ['a=1; HttpOnly; SameSite=Strict; Unknown=x'],
  ['a=1; Secure'],
  ['a=1; Path=/in'],
  ['a=1; Path=/in/'],
  ['a=1; Path=/i'],
  ['a=1; Path=/other'],
  ['a=1; Path=in'],
  ['a=1; Path="/in"'],
  ['a=1; Path='],
  ['a=1; Path=/other; Path=/in'],
  ['a=1; Path=/', 'b=2; Path=/in/deep', 'c=3; Path=/in'],
  ['a=1; Path=/', 'a=2; Path=/in'],
  ['a=1', 'a=; Max-Age=0'],
  ['a=1', 'a=; Max-Age=-1'],
  ['a=1', `a=; Expires=${PAST}`],
  ['a=1; Max-Age=60'],
  ['a=1; Max-Age=007'],
  ['a=1; Max-Age=x'],
  ['a=1; Max-Age=99999999999999999999'],
  [`a=1; Max-Age=60; Expires=${PAST}`],
  [`a=1; Max-Age=0; Expires=${FUTURE}`],
  [`a=1; Expires=${FUTURE}`],
  [`a=1; Expires=${PAST}`],
  [`a=1; expires=${PAST}`],
  ['a=1; Expires=Thu, 01-Jan-2015 00:00:00 GMT'],
  ['a=1; Expires=Thu, 01-Jan-15 00:00:00 GMT'],
  ['a=1; Expires=Thursday, 01-Jan-15 00:00:00 GMT'],
  ['a=1; Expires=Thu Jan  1 00:00:00 2015'],
  ['a=1; Expires=Thu, 1 Jan 2015 00:00:00 GMT'],
  ['a=1; Expires=2015-01-01T00:00:00Z'],
  ['a=1; Expires=0'],
  ['a=1; Domain=127.0.0.1'],
  ['a=1; Domain=.127.0.0.1'],
  ['a=1; Domain=0.0.1'],
  ['a=1; Domain=example.com'],
  ['a=1; Domain='],
];

/** Redirects from `/in` to `/in/deep`, which answers with the time that encodes the cookies it was sent. */
const setting =
  (cookies: readonly string[]): RequestListener =>
  (request, response) => {
    const headers =
      request.url === '/in'
        ? { Location: '/in/deep', 'Set-Cookie': [...cookies] }
        : { 'Last-Modified': momentOf(request.headers.cookie ?? '') };
    response.writeHead(request.url === '/in' ? 302 : 200, headers).end();
  };

/** Pairs whose first answer sets cookies. */
export const cookiePairs: readonly Pair[] = COOKIES.map((cookies) => ({
  name: `http: the cookies ${JSON.stringify(cookies)}`,
  module: { prober: 'http', timeout: '10s', http: { preferred_ip_protocol: 'ip4' } },
  start: async () => {
    const server = await startHttp(setting(cookies));
    return { target: `${server.url}/in`, stop: () => server.close() };
  },
}));
