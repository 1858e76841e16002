import { deliveryId } from '../../alerts/delivery-id.ts';
import { advance } from '../../alerts/episode-machine.ts';
import { parseDelivery } from '../../alerts/parse-delivery.ts';

/** The functions applied to each delivery. Tests replace one to simulate a bug in it. */
export const ALERT_FUNCTIONS = Object.freeze({ parse: parseDelivery, deliveryId, advance });

export type AlertFunctions = typeof ALERT_FUNCTIONS;
