import { url as debuggerUrl } from 'node:inspector';
import type { Config, SenderConfig } from '../config/types.ts';
import { systemClock, type Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import { Outbox } from '../events/outbox.ts';
import type { AlertRules, Ledger } from '../ledger/ledger.ts';
import { ThreadLedger } from '../ledger/thread/client.ts';
import type { Lifecycle } from './lifecycle.ts';
import { startHeartbeat } from './threads/loop-heartbeat.ts';

export interface StorageOptions {
  readonly config: Config;
  readonly codeUrl: URL;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly lifecycle: Lifecycle;
}

export interface Storage {
  readonly ledger: Ledger;
  /** Writes Tocsin's own observations to the ledger. */
  readonly outbox: Outbox;
}

/** Opens the ledger in its thread. Rejects with `LedgerStartError` where that is not possible. */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { config, codeUrl, logger, clock, lifecycle } = options;
  // the system clock, because the real event loop is monitored
  const beating = startHeartbeat({ clock: systemClock, logger }, () => debuggerUrl() !== undefined);
  lifecycle.onStop('beats of the event loop', beating.stop);
  const ledger = await ThreadLedger.start({
    threadUrl: new URL('./app/threads/ledger-thread.js', codeUrl),
    path: config.store.path,
    node: config.server.node,
    retention: config.store.retention,
    toleranceMs: config.alerts.sameStartToleranceMs,
    heartbeat: beating.buffer,
    logger,
  });
  await ledger.configure(alertRules(config));
  lifecycle.onStop('ledger', () => ledger.close());
  const outbox = new Outbox({ ledger, clock, logger });
  lifecycle.onStop('outbox', () => outbox.close());
  return { ledger, outbox };
}

type AlertRulesConfig = Pick<Config, 'alerts' | 'webhooks' | 'alertmanagers' | 'watchdogs'>;

/** The configured rules for alerts. */
export function alertRules({ alerts, webhooks, alertmanagers, watchdogs }: AlertRulesConfig): AlertRules {
  const senders = webhooks.map(({ name, alertmanager }) => {
    const sender = { ...ALERTMANAGER_DEFAULTS, ...alertmanager };
    const { peers, peerTimeoutMs, groupIntervalMs, warmUpMs } = sender;
    const repeatMs = alertmanager?.repeatIntervalMs ?? 0;
    const staleWindowMs = peers * peerTimeoutMs + groupIntervalMs;
    const asked = alertmanagers.some(({ webhook }) => webhook === name);
    const settle = asked ? { settleMs: settleMs(alertmanager), warmUpMs } : {};
    return [name, { single: peers === 1, staleWindowMs, groupIntervalMs, repeatMs, ...settle }] as const;
  });
  return {
    toleranceMs: alerts.sameStartToleranceMs,
    staleHoldMs: alerts.staleHoldMs,
    expireAfterMs: alerts.expireAfterMs,
    senders: Object.fromEntries(senders),
    watchdogs: watchdogs.map(({ name, match }) => ({ name, match })),
  };
}

/**
 * Prometheus sends again after a minute plus the interval of the rule group: `warmUpMs` leaves four minutes for that.
 */
const ALERTMANAGER_DEFAULTS = {
  ...{ peers: 1, peerTimeoutMs: 15_000, groupIntervalMs: 300_000 },
  warmUpMs: 300_000,
};

/** The report of an end may need one group_interval, and another one when it was refused. */
function settleMs(sender: SenderConfig | undefined): number {
  const { peers, peerTimeoutMs, groupIntervalMs } = { ...ALERTMANAGER_DEFAULTS, ...sender };
  return 2 * groupIntervalMs + peers * peerTimeoutMs;
}
