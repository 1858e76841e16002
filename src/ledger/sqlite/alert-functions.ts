import { deliveryId } from '../../alerts/delivery-id.ts';
import { advance } from '../../alerts/episode-machine.ts';
import { parseDelivery } from '../../alerts/parse-delivery.ts';

/** What each delivery goes through. A test of what a bug in one of them costs replaces it. */
export const ALERT_FUNCTIONS = Object.freeze({ parse: parseDelivery, deliveryId, advance });

export type AlertFunctions = typeof ALERT_FUNCTIONS;
