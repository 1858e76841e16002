import type { CertificateMint } from '../probes/certificates.ts';
import type { Pair } from './differential.ts';
import { addressPairs } from './addresses.ts';
import { callPairs } from './calls.ts';
import { cookiePairs } from './cookies.ts';
import { echoPairs } from './echoes.ts';
import { httpPairs } from './http.ts';
import { multiplexedPairs } from './multiplexed.ts';
import { namePairs } from './names.ts';
import { publishedPairs } from './modules/published.ts';
import { securePairs } from './secure.ts';
import { streamPairs } from './streams.ts';
import { wirePairs } from './wire.ts';

/** Every pair of module and target for which blackbox_exporter and Tocsin are compared. */
export function pairTables(mint: CertificateMint): readonly Pair[] {
  return [
    ...httpPairs,
    ...cookiePairs,
    ...streamPairs,
    ...namePairs,
    ...echoPairs,
    ...wirePairs,
    ...addressPairs,
    ...securePairs(mint),
    ...callPairs(mint),
    ...multiplexedPairs(mint),
    ...publishedPairs,
  ];
}
