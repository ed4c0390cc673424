/** What to try while the demo is kept running: exact commands, ready to paste. */
import { escapeKey, partitionOf } from '../../runtime/subjects.ts';
import type { ServedConsole } from './console.ts';
import { bold, dim } from './format.ts';
import type { Stage } from './stage.ts';

export async function afterwards({ natsUrl, admins, nodes, processes }: Stage, served?: ServedConsole): Promise<string[]> {
  const ebay = admins.get('ebay')!;
  const amazon = admins.get('amazon')!;
  const sku = (await ebay.listings()).sort((a, b) => b.sold - a.sold)[0]?.sku ?? '';
  const key = `${partitionOf(sku)}.${escapeKey(sku)}`;
  const post = (url: string, body: object): string => `curl -X POST ${url} -H 'content-type: application/json' -d '${JSON.stringify(body)}'`;
  const nats = `nats --server ${natsUrl}`;
  const part = (title: string, ...commands: string[]): string[] => [bold(title), ...commands.map(command => `  ${command}`), ''];
  return [
    '', dim('It all keeps running until Ctrl-C. In another terminal:'), '',
    ...served ? part('Open the console; its buttons ask for the token', served.url, served.token) : [],
    ...part('Edit a number by hand at eBay, and watch it being noticed and healed',
      `${nats} sub 'drift.>'`,
      post(`${ebay.url}/_sandbox/edit`, { sku, quantity: 999 })),
    ...part('Buy the last units at Amazon, and see every other marketplace follow',
      post(`${amazon.url}/_sandbox/buy`, { buyer: 'me', lines: [{ sku, units: 1 }] }),
      `${nats} kv watch sku '${key}'`),
    ...part('Ask what Plumb knows',
      `${nats} req inspect.channel.amazon ''`,
      `${nats} req inspect.node.${nodes[0]} ''`,
      `${nats} kv get sku '${key}' --raw`,
      `npx plumb inspect sku '${sku}' --nats ${natsUrl}`),
    ...part('Read the journal of a SKU: every fact and every decision',
      `npx plumb replay '${sku}' --diff --nats ${natsUrl}`,
      `npx plumb replay --all --verify --nats ${natsUrl}`,
      `${nats} stream view SKU --subject 'sku.${key}' --translate 'npx plumb decode'`),
    ...part('Be the ERP: a delivery of ten',
      `${nats} req ingest.erp '${JSON.stringify({ id: `by-hand-${Date.now()}`, sku, type: 'count', version: 1_000_000, quantity: 10, imported: [], at: new Date().toISOString() })}'`),
    ...part('Kill a node; it comes back after 5 s',
      ...nodes.map(node => `kill -9 ${processes.pid(node)}`).slice(0, 1)),
    ...part('Let Amazon throttle for ten seconds',
      post(`${amazon.url}/_sandbox/faults`, { kind: 'throttle', forMs: 10_000 })),
  ];
}
