/**
 * Live inspection over the NATS services API: `nats micro ls`, `nats req inspect.sku.<key> ''`. Any node answers for
 * a SKU from its record; channel accounts are answered by their owner, a node for itself.
 */
import { Svcm } from '@nats-io/services';
import type { NatsConnection } from 'nats';
import type { Records } from './records.ts';
import { partitionOf, unescapeKey } from './subjects.ts';

export interface InspectPorts {
  node: string;
  records: Records;
  figures(): object;
}

export async function serveInspection(nc: NatsConnection, { node, records, figures }: InspectPorts): Promise<{ stop(): Promise<unknown> }> {
  // The services package types an older core of its own; it takes this connection (nats-findings D).
  const service = await new Svcm(nc as never).add({ name: 'plumb', version: '0.1.0', description: 'Plumb node', metadata: { node } });
  service.addEndpoint('sku', {
    subject: 'inspect.sku.*',
    handler: (error, message) => {
      if (error) return;
      const token = message.subject.slice('inspect.sku.'.length);
      void (async () => {
        const partition = partitionOf(unescapeKey(token));
        const stored = await records.get<object>(`$KV.sku.${partition}.${token}`);
        if (stored) message.respond(JSON.stringify({ partition, revision: stored.revision, ...stored.value }));
        else message.respondError(404, `no SKU ${JSON.stringify(unescapeKey(token))} is known`);
      })().catch((failure: unknown) => message.respondError(500, (failure as Error).message));
    },
  });
  service.addEndpoint('node', {
    subject: `inspect.node.${node}`,
    queue: '',
    handler: (error, message) => { if (!error) message.respond(JSON.stringify(figures())); },
  });
  return service;
}
