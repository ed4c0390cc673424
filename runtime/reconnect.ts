/** Tells of reconnections, with one status loop a connection however many listen. */
import type { NatsConnection } from 'nats';

const listening = new WeakMap<NatsConnection, Set<() => void>>();

/** @returns ends the listening */
export function onReconnect(nc: NatsConnection, listener: () => void): () => void {
  let listeners = listening.get(nc);
  if (!listeners) {
    listening.set(nc, listeners = new Set());
    void follow(nc, listeners);
  }
  listeners.add(listener);
  return () => { listeners.delete(listener); };
}

async function follow(nc: NatsConnection, listeners: ReadonlySet<() => void>): Promise<void> {
  for await (const { type } of nc.status()) {
    if (type === 'reconnect') for (const listener of [...listeners]) listener();
  }
}
