import type { CloudEvent } from '../domain/event.ts';
import type { WireEvent } from './thread/protocol.ts';

/**
 * Converts an event for the API. Its data is sent as the text that is stored; it is parsed because a damaged one must
 * not be sent.
 * @param node the name of this Tocsin: the source of its events
 * @throws Error if the stored event is unreadable
 */
export function cloudEvent(event: WireEvent, epoch: string, node: string): CloudEvent {
  if (event.type === '') throw new Error('its type is unknown');
  const id = `${epoch}-${event.offset}`;
  const about = { type: event.type, ...(event.subject !== null && { subject: event.subject }) };
  const time = new Date(event.time).toISOString();
  const data: unknown = JSON.parse(event.data);
  const source = `/tocsin/${node}`;
  const head = { specversion: '1.0', id, source, ...about, time, datacontenttype: 'application/json' };
  return { id, ...about, time, data, json: `${JSON.stringify(head).slice(0, -1)},"data":${event.data}}` };
}
