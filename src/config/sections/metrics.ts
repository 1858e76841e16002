import { z } from 'zod';
import { key, mapping } from '../schema/mapping.ts';
import type { Values } from '../schema/mapping.ts';
import { count, networks, positiveSize } from '../schema/values.ts';

const rateLimitKeys = {
  per_second: key('perSecond', z.number().gt(0).prefault(10), 'tokens added per second'),
  burst: key('burst', count.prefault(20), 'the most tokens that it holds'),
};

/** The keys of `metrics`. */
export const metricsKeys = {
  rate_limit: key(
    'rateLimit',
    mapping(rateLimitKeys).prefault({}),
    'a token bucket for each client address (IPv6: for each /64); beyond it scrapes are answered with 429',
  ),
  trusted: key(
    'trusted',
    networks.prefault([]),
    'known scrapers: they have a bucket of their own, reserved places in flight and reserved connections',
  ),
  max_in_flight: key(
    'maxInFlight',
    count.prefault(40),
    'scrapes at the same time; more are answered with 503',
  ),
  max_unsent: key(
    'maxUnsentBytes',
    positiveSize.prefault('64MiB'),
    'memory for unsent responses of all paths together; beyond it the client that has not read for the longest time is disconnected',
  ),
  max_series: key(
    'maxSeries',
    count.prefault(1_000_000),
    'series that checks and collectors may have together; series beyond it are left out and counted',
  ),
  max_series_per_family: key('maxSeriesPerFamily', count.prefault(250_000), 'the same for each family'),
  histograms: key(
    'histograms',
    z.enum(['classic', 'both']).prefault('classic'),
    '`both` adds [native histograms](scraping.md#native-histograms) for Prometheus servers that ask for the protobuf format',
  ),
  compression: key('compression', z.boolean().prefault(true), 'gzip for clients that accept it'),
};

export type MetricsConfig = Values<typeof metricsKeys>;
