import { deliveryId } from '../alerts/delivery-id.ts';
import { act, nextTimer } from '../alerts/episode-actions.ts';
import { advance } from '../alerts/episode-machine.ts';
import { parseListing } from '../alerts/parse-listing.ts';
import { parseDelivery, parseInSlices } from '../alerts/parse-delivery.ts';
import { reconcile, wasGivenUp } from '../alerts/reconcile.ts';
import { receiversOf } from '../alerts/sender-config.ts';
import type { AlertLogic } from '../ledger/sqlite/intake/intake.ts';

/** The functions on alerts that the ledger needs. */
export const ALERT_LOGIC: AlertLogic = Object.freeze({
  parse: parseDelivery,
  parseInSlices,
  deliveryId,
  advance,
  act,
  nextTimer,
  wasGivenUp,
  parseListing,
  receiversOf,
  reconcile,
});
