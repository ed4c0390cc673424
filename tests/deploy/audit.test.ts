/** A record that is not what its journal says: found, told once over restarts, and over when it is made again. */
import test from 'ava';
import { configSchema } from '../../config/config.ts';
import { Audit } from '../../deploy/audit.ts';
import { startNode } from '../../deploy/node.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { partitionOf, skuRecordSubject } from '../../runtime/subjects.ts';
import { eventually, startBroker } from '../runtime/broker.ts';

/** In the partition that is looked at first. */
const sku = Array.from({ length: 1_000 }, (_, n) => `A${n}`).find(name => partitionOf(name) === 0)!;
const neighbour = Array.from({ length: 1_000 }, (_, n) => `B${n}`).find(name => partitionOf(name) === 1)!;

test('a record that somebody changed is a task once, and over when it is what its journal says', async t => {
  const broker = await startBroker(t);
  const config = configSchema.parse({ nats: { url: broker.server.url }, node: { id: 'n1' }, debounce: { quietMs: 0, hardMs: 0 }, audit: { everyMs: 0 } });
  const node = await startNode(config, broker.log);
  const record = async (name: string): Promise<ActorRecord & { context: { onHand: number } }> => JSON.parse(await broker.bytes(skuRecordSubject(name)) ?? '{"applied":0}') as ActorRecord & { context: { onHand: number } };
  for (const name of [sku, neighbour]) {
    const seq = await broker.tell(name, { type: 'stock.counted', source: 'erp', position: 1, quantity: 5 });
    await eventually('applied', async () => (await record(name)).applied === seq);
  }
  await node.stop();
  const right = await record(sku);
  for (const name of [sku, neighbour]) {
    const stored = await record(name);
    await broker.js.publish(skuRecordSubject(name), JSON.stringify({ ...stored, context: { ...stored.context, onHand: 50 } }));
  }
  const told = async (): Promise<Record<string, unknown>[]> => (await broker.bodies('DEAD')).filter(body => body['class'] === 'parted');
  const audit = (): Audit => new Audit({ ...broker, everyMs: 10 });

  const first = audit();
  await first.start();
  await eventually('both are told', async () => (await told()).length === 2);
  await first.release();
  t.like((await told())[0], {
    id: `dead:parted:${sku}:${right.applied}`, sku, message: `the record of ${sku} is not what its journal says at message ${right.applied}: context.onHand is 50 and should be 5`,
  });

  await broker.js.publish(skuRecordSubject(sku), JSON.stringify(right));
  const next = audit();
  await next.start();
  await eventually('the one that is right again is over', async () => (await told()).length === 3, 30_000);
  await new Promise(resolve => setTimeout(resolve, 1_000));
  await next.release();
  const all = await told();
  t.like(all[2], { id: `dead:parted:${sku}:${right.applied}:resolved`, sku, resolved: true, how: 'healed' });
  t.is(all.length, 3, 'the other one stays told once, however often it is looked at');
});
