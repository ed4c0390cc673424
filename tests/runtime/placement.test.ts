/** Who owns what: computed alike by all, handed over without a gap, and never left with nobody. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Msg, NatsConnection } from 'nats';
import { BrokerClock } from '../../runtime/clock.ts';
import { encodeJson } from '../../runtime/codec.ts';
import { Membership, factsRead } from '../../runtime/membership.ts';
import { Placement, ownerOf } from '../../runtime/placement.ts';
import { PublishError } from '../../runtime/publisher.ts';
import { deletion } from '../../runtime/records.ts';
import { memberSubject, partitionCount, skuPartition } from '../../runtime/subjects.ts';
import { eventually, startBroker } from './broker.ts';
import type { Broker } from './broker.ts';

const units = Array.from({ length: partitionCount }, (_, n) => `sku.${n}`);
const owners = (live: string[]): Map<string, string> => new Map(units.map(unit => [unit, ownerOf(unit, live)!]));

test('partitions spread evenly, and only those of a node that goes change hands', t => {
  const three = owners(['a', 'b', 'c']);
  const shares = Map.groupBy(units, unit => three.get(unit));
  for (const node of ['a', 'b', 'c']) t.true(shares.get(node)!.length > 14 && shares.get(node)!.length < 29, `${node} has ${shares.get(node)!.length}`);
  t.deepEqual(owners(['c', 'a', 'b']), three);
  const two = owners(['a', 'c']);
  for (const [unit, owner] of three) if (owner !== 'b') t.is(two.get(unit), owner);
  t.is(ownerOf('sku.1', []), undefined);
});

interface Node {
  placement: Placement;
  membership: Membership;
  replacedBy: number[];
  held(): string[];
}

/** What is worked on, by whom, over all nodes of a test. */
class Work {
  readonly now = new Map<string, string>();
  /** Units that two worked on at a time. */
  readonly doubled: string[] = [];
  readonly failing = new Map<string, number>();
  acquired = 0;
  reason = (unit: string): Error => new Error(`${unit} cannot be worked on`);

  begin(unit: string, node: string): void {
    const failures = this.failing.get(unit) ?? 0;
    this.failing.set(unit, failures - 1);
    if (failures > 0) throw this.reason(unit);
    if (this.now.has(unit)) this.doubled.push(unit);
    this.now.set(unit, node);
    this.acquired += 1;
  }
}

async function join(t: ExecutionContext, broker: Broker, work: Work, node: string, run: string = crypto.randomUUID(), nc = broker.nc): Promise<Node> {
  const replacedBy: number[] = [];
  const membership: Membership = new Membership({
    ...broker, node, run,
    clock: new BrokerClock(),
    onChange: () => placement.settle(),
    onReplaced: pid => { replacedBy.push(pid); },
  });
  const placement: Placement = new Placement(nc, {
    membership, records: broker.records, log: broker.log,
    units: units.slice(0, 16).map((id, n) => ({
      id,
      epoch: skuPartition.epoch(n),
      acquire: async () => {
        work.begin(id, node);
        await new Promise(resolve => setImmediate(resolve));
        return { release: async () => {
          // Work takes a while to end.
          await new Promise(resolve => setTimeout(resolve, 30));
          work.now.delete(id);
        } };
      },
    })),
  });
  await membership.start();
  await placement.start();
  t.teardown(async () => {
    await placement.leave();
    await membership.stop();
  });
  return { placement, membership, replacedBy, held: () => placement.held.sort() };
}

const share = (node: string, live: string[]): string[] => units.slice(0, 16).filter(unit => ownerOf(unit, live) === node).sort();

test('a node that joins is given its share, one that leaves gives it back at once, and no unit is ever worked on twice', async t => {
  const broker = await startBroker(t);
  const work = new Work();
  const a = await join(t, broker, work, 'a');
  await eventually('a has all', () => a.held().length === 16);
  const b = await join(t, broker, work, 'b');
  await eventually('both have theirs', () => a.held().length === share('a', ['a', 'b']).length && b.held().length === share('b', ['a', 'b']).length);
  t.deepEqual([a.held(), b.held()], [share('a', ['a', 'b']), share('b', ['a', 'b'])]);
  const began = performance.now();
  await b.membership.leave();
  await b.placement.leave();
  await eventually('a has all again', () => a.held().length === 16);
  t.true(performance.now() - began < 1_500, 'without waiting until b is thought dead');
  t.deepEqual(work.doubled, []);
});

test('what an older node does not read is not written while it lives', async t => {
  const broker = await startBroker(t);
  const { membership } = await join(t, broker, new Work(), 'a');
  t.true(membership.allRead(factsRead));
  await broker.publisher.publish(memberSubject('old'), encodeJson({ node: 'old', run: 'x', since: 0, pid: 1, takes: false }));
  await eventually('the older one is heard', () => membership.live.length === 2);
  t.deepEqual([membership.allRead(1), membership.allRead(factsRead)], [true, false]);
  await broker.publisher.publish(memberSubject('old'), new Uint8Array(), deletion());
  await eventually('it is gone', () => membership.allRead(factsRead));
  t.false(membership.allRead(factsRead + 1));
});

test('nodes that start together take each unit once: none takes what another would be given a moment later', async t => {
  const broker = await startBroker(t);
  const work = new Work();
  const nodes = ['a', 'b', 'c'];
  const joined = await Promise.all(nodes.map(node => join(t, broker, work, node)));
  await eventually('all have theirs', () => work.now.size === 16);
  t.deepEqual(joined.map(({ held }) => held()), nodes.map(node => share(node, nodes)));
  t.is(work.acquired, 16);
});

test('a unit that cannot be worked on rests and is taken again; the others do not wait for it', async t => {
  const broker = await startBroker(t);
  const work = new Work();
  work.failing.set('sku.3', 2);
  const a = await join(t, broker, work, 'a');
  const began = performance.now();
  await eventually('the others are taken', () => a.held().length === 15);
  t.deepEqual([a.held().includes('sku.3'), a.placement.owed], [false, ['sku.3']]);
  await eventually('it is taken after its rests', () => a.held().length === 16);
  t.deepEqual(a.placement.owed, []);
  t.true(performance.now() - began > 1_300, 'half a second, then twice as long');
  a.placement.giveUp('sku.5', 'its test says so');
  await eventually('it is let go', async () => !a.held().includes('sku.5') && (await broker.records.read<{ owner: string | null }>(skuPartition.epoch(5))).value?.owner === null);
  await eventually('and taken again', () => a.held().length === 16);
  t.deepEqual(work.doubled, []);
});

test('rests do not grow while a broker that does not answer, or another owner, is why a unit was not kept', async t => {
  const broker = await startBroker(t);
  const work = new Work();
  work.reason = unit => new PublishError(`${unit}: no answer within 2500 ms`);
  work.failing.set('sku.3', 5);
  const a = await join(t, broker, work, 'a');
  await eventually('it is taken after five short rests, not after 15 s', () => a.held().length === 16, 8_000);
  const epoch = skuPartition.epoch(5);
  for (let n = 0; n < 5; n++) {
    // Another took it and is gone; that it is another's shows in its checkpoint first.
    const { revision } = await broker.records.read(epoch);
    await broker.records.put(epoch, { owner: 'gone', run: '', at: 0 }, revision);
    a.placement.giveUp('sku.5', 'another has the checkpoint');
    await eventually('it is taken again', async () => a.held().includes('sku.5') && (await broker.records.read<{ owner: string }>(epoch)).value?.owner === 'a', 2_000);
  }
  t.deepEqual(work.doubled, []);
});

/** A connection that hears every hand-over to nobody as the owner before. */
function hardOfHearing(nc: NatsConnection, owner: string): NatsConnection {
  const subscribe: NatsConnection['subscribe'] = (subject, { callback, ...options } = {}) => nc.subscribe(subject, {
    ...options,
    ...(callback && { callback: (error: Error | null, message: Msg) => callback(error, message?.subject.endsWith('._epoch') && message.json<{ owner: string | null }>().owner === null ? Object.create(message, { data: { value: encodeJson({ owner, run: 'before', at: 0 }) } }) as Msg : message) }),
  });
  return new Proxy(nc, { get: (target, name) => name === 'subscribe' ? subscribe : Reflect.get(target, name, target) as unknown });
}

test('a hand-over that a node does not hear is found where it stands', async t => {
  const broker = await startBroker(t);
  const work = new Work();
  const a = await join(t, broker, work, 'a');
  await eventually('a has all', () => a.held().length === 16);
  const b = await join(t, broker, work, 'b', undefined, hardOfHearing(broker.nc, 'a'));
  await eventually('b has its share', () => b.held().join() === share('b', ['a', 'b']).join());
  t.is(a.held().length + b.held().length, 16);
  t.deepEqual(work.doubled, []);
  t.true(broker.complaints.some(({ msg }) => msg === 'a change of owner was not heard'));
});

test('a unit whose hand-over was lost is handed over all the same', async t => {
  const broker = await startBroker(t);
  const work = new Work();
  const a = await join(t, broker, work, 'a');
  const b = await join(t, broker, work, 'b');
  const theirs = share('b', ['a', 'b']);
  await eventually('each has its share', () => b.held().length === theirs.length && a.held().length === 16 - theirs.length);
  // The epoch names a, which let go of it long ago and believes that others know.
  const epoch = skuPartition.epoch(Number(theirs[0]!.slice(4)));
  const wrong = await broker.records.put(epoch, { owner: 'a', run: 'of long ago', at: 0 }, (await broker.records.read(epoch)).revision);
  await eventually('b has it again', async () => {
    const { value, revision } = await broker.records.read<{ owner: string }>(epoch);
    return revision > wrong && value?.owner === 'b' && b.held().includes(theirs[0]!);
  });
  t.deepEqual([a.held(), b.held()], [share('a', ['a', 'b']), theirs]);
  t.deepEqual(work.doubled, []);
});

test('an epoch record that a person deleted is taken anew', async t => {
  const broker = await startBroker(t);
  const work = new Work();
  await broker.publisher.publish(skuPartition.epoch(2), new Uint8Array());
  const a = await join(t, broker, work, 'a');
  await eventually('all are taken', () => a.held().length === 16);
  t.like(JSON.parse((await broker.bytes(skuPartition.epoch(2)))!) as object, { owner: 'a' });
});

test('of two processes with one name the older one is told, and the younger one has the units', async t => {
  const broker = await startBroker(t);
  const [before, after] = [new Work(), new Work()];
  const older = await join(t, broker, before, 'a', 'older');
  await eventually('the older one has all', () => older.held().length === 16);
  const younger = await join(t, broker, after, 'a', 'younger');
  await eventually('the younger one has all', () => younger.held().length === 16);
  await eventually('the older one has none', () => older.held().length === 0);
  await eventually('and is told', () => older.replacedBy.length > 0);
  t.deepEqual(younger.replacedBy, []);
  t.like(JSON.parse((await broker.bytes(skuPartition.epoch(0)))!) as object, { owner: 'a', run: 'younger' });
});
