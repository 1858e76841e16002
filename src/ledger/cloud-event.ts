import type { CloudEvent } from '../domain/event.ts';
import type { WireEvent } from './thread/protocol.ts';

/** Converts an event for the API. @throws Error if the stored event is unreadable */
export function cloudEvent(event: WireEvent, epoch: string, node: string): CloudEvent {
  if (event.type === '') throw new Error('its type is not known');
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
