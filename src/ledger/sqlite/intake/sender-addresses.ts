import type { Logger } from '../../../domain/log.ts';
import type { AlertRules } from '../../ledger.ts';

interface Parts {
  readonly logger: Logger;
  readonly rules: () => AlertRules;
}

interface Sender {
  /** The newest is last. */
  readonly addresses: Set<string>;
  warned: boolean;
}

/** More than a cluster has; further senders are not recorded. */
const MAX_SENDERS = 1_000;
const MAX_ADDRESSES = 32;

/**
 * Warns once per sender if members of a cluster send with the same external URL. An address that changes means the
 * sender has moved; an earlier address seen again after another one means a second sender.
 */
export class SenderAddresses {
  readonly #parts: Parts;
  readonly #senders = new Map<string, Sender>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  record(webhook: string, externalUrl: string, address: string): void {
    const several = (this.#parts.rules().senders[webhook]?.staleWindowMs ?? 0) > 0;
    if (!several) return;
    const key = `${webhook}\n${externalUrl}`;
    const sender = this.#senders.get(key) ?? { addresses: new Set(), warned: false };
    if (sender.warned || [...sender.addresses].at(-1) === address) return;
    if (sender.addresses.has(address)) this.#warn(sender, webhook, externalUrl);
    else if (sender.addresses.size < MAX_ADDRESSES) sender.addresses.add(address);
    if (this.#senders.size < MAX_SENDERS) this.#senders.set(key, sender);
  }

  #warn(sender: Sender, webhook: string, externalUrl: string): void {
    sender.warned = true;
    this.#parts.logger.warn(
      { webhook, externalUrl, addresses: [...sender.addresses] },
      'members of an Alertmanager cluster send with the same external URL, and only their addresses distinguish them; start each with its own --web.external-url, see docs/webhook.md',
    );
  }
}
