import type { CloudEvent } from '../domain/event.ts';
import type { WireEvent } from './protocol.ts';

/** An event as the API shows it. */
export function cloudEvent(event: WireEvent, epoch: string, node: string): CloudEvent {
  return {
    specversion: '1.0',
    id: `${epoch}-${event.offset}`,
    source: `/tocsin/${node}`,
    type: event.type,
    ...(event.subject === null ? {} : { subject: event.subject }),
    time: new Date(event.time).toISOString(),
    datacontenttype: 'application/json',
    data: JSON.parse(event.data) as unknown,
  };
}
