import type { Config } from '../config/types.ts';
import type { Logger } from '../domain/log.ts';

/** Warns about webhooks whose signatures never expire: whoever has seen a delivery can send it again. */
export function warnOfReplays({ webhooks }: Pick<Config, 'webhooks'>, logger: Logger): void {
  const open = webhooks.filter(({ hmac }) => hmac !== undefined && hmac.timestampHeader === undefined);
  if (open.length === 0) return;
  logger.warn(
    { webhooks: open.map(({ name }) => name) },
    'signed deliveries can be replayed: set hmac.timestamp_header, here and in Grafana',
  );
}
