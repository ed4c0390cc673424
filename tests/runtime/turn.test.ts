/** One turn on a real broker: what is stored, what is performed, and what another owner or a crash leaves behind. */
import test from 'ava';
import type { SkuFact, Stock } from '../../actors/sku/protocol.ts';
import { skuKind } from '../../deploy/sku-kind.ts';
import type { ActorKind, ActorRecord } from '../../runtime/actor.ts';
import { decode } from '../../runtime/codec.ts';
import type { Incoming } from '../../runtime/handle.ts';
import { perform } from '../../runtime/perform.ts';
import { Records } from '../../runtime/records.ts';
import { signer } from '../../runtime/signature.ts';
import { skuRecordSubject, skuSubject } from '../../runtime/subjects.ts';
import { takeTurn } from '../../runtime/turn.ts';
import type { Slot, TurnPorts } from '../../runtime/turn.ts';
import { startBroker } from './broker.ts';
import type { Broker } from './broker.ts';

const kind = skuKind({ sign: signer(() => undefined), debounce: { quietMs: 100, hardMs: 400 }, gapMs: 1_000 });
const counted = (position: number, quantity: number): SkuFact => ({ type: 'stock.counted', source: 'erp', position, quantity });
const adjusted = (position: number, delta: number): SkuFact => ({ type: 'stock.adjusted', source: 'erp', position, delta });
const sku = 'A';
const record = skuRecordSubject(sku);

/** An owner of the SKU: what it performs goes to the broker and is kept. */
function owner(broker: Broker, own: ActorKind<Stock> = kind) {
  const performed: string[] = [];
  const ports: TurnPorts<Stock> = {
    ...broker, kind: own,
    perform: async effects => {
      performed.push(...effects.map(({ id }) => id));
      await perform(broker.publisher, effects);
    },
  };
  const slot: Slot<Stock> = { key: sku, journal: skuSubject(sku), record, kept: undefined };
  const stop = new AbortController();
  return { performed, slot, turn: (...messages: Incoming[]) => takeTurn(ports, slot, messages, stop.signal) };
}

/** A message that stands in the SKU's journal. */
async function journaled(broker: Broker, body: object): Promise<Incoming> {
  const seq = await broker.tell(sku, body);
  return { seq, at: 1_000_000 + seq, correlation: `c${seq}`, body };
}

async function stored({ bytes }: Broker): Promise<ActorRecord> {
  return JSON.parse((await bytes(record))!) as ActorRecord;
}

/** Messages after which the SKU has said that a change is missing: its record asks for a dead letter. */
async function gap(broker: Broker): Promise<Incoming[]> {
  const open = [await journaled(broker, counted(1, 10)), await journaled(broker, adjusted(3, -1))];
  return [...open, await journaled(broker, { type: 'timer.due', id: 'gap', at: open[1]!.at + 1_000 })];
}

test('an effect is performed when it is stored, once, and then stands in the record no more', async t => {
  const broker = await startBroker(t);
  const { performed, turn } = owner(broker);
  await turn(...await gap(broker));
  await turn(await journaled(broker, adjusted(4, -1)));
  t.deepEqual(performed, ['gap:A:1']);
  t.deepEqual((await broker.bodies('DEAD')).map(({ id }) => id), performed);
  t.deepEqual((await stored(broker)).outbox, []);
});

test('what a former owner stored and did not perform is performed before anything newer is applied', async t => {
  const broker = await startBroker(t);
  const messages = await gap(broker);
  const dying = owner(broker);
  await dying.turn(...messages);
  // It died between the two: the record still asks, and nothing was told.
  const asked = { to: ['dead', 'gap', 'erp', sku], id: 'gap:never told', body: { class: 'gap' } };
  const { revision } = (await broker.records.read(record));
  await broker.records.put(record, { ...await stored(broker), outbox: [asked] }, revision);

  const next = owner(broker);
  await next.turn(...messages, await journaled(broker, adjusted(4, -1)));

  t.deepEqual(next.performed, [asked.id]);
  t.deepEqual((await broker.bodies('DEAD')).map(({ id }) => id), ['gap:A:1', asked.id]);
  t.like(await stored(broker), { outbox: [], context: { position: 1, held: [{ position: 3 }, { position: 4 }] } });
});

test('two owners of one key apply every message once, whoever is first', async t => {
  const broker = await startBroker(t);
  const [zombie, heir] = [owner(broker), owner(broker)];
  const messages = [await journaled(broker, counted(1, 100))];
  for (let position = 2; position <= 40; position++) messages.push(await journaled(broker, adjusted(position, -1)));
  // Both read the same journal at their own pace, and write at the same time.
  await Promise.all([
    (async () => { for (const message of messages) await zombie.turn(message); })(),
    (async () => { for (let n = 0; n < messages.length; n += 3) await heir.turn(...messages.slice(n, n + 3)); })(),
  ]);
  t.like(await stored(broker), { applied: messages.at(-1)!.seq, context: { onHand: 61, position: 40, superseded: 0, held: [] } });
});

test('an actor that throws is given the message again on a state loaded anew before its key is quarantined', async t => {
  const broker = await startBroker(t);
  let failures = 0;
  const moody: ActorKind<Stock> = { ...kind, stepper: { ...kind.stepper, step: (state, event, effects) => {
    if ((event as { told?: { fact: SkuFact }[] }).told?.at(-1)?.fact.type === 'stock.adjusted' && failures++ < 2) throw new Error('not now');
    return kind.stepper.step(state, event, effects);
  } } };
  const { turn } = owner(broker, moody);
  await turn(await journaled(broker, counted(1, 10)), await journaled(broker, adjusted(2, -1)));
  t.is(failures, 3);
  t.like(await stored(broker), { quarantined: undefined, context: { onHand: 9 } });
  t.deepEqual(await broker.bodies('DEAD'), []);
});

test('a record that grows over the limit is quarantined at the message that makes it so, with a dead letter that says by how much', async t => {
  const broker = await startBroker(t);
  const { turn, performed } = owner(broker);
  const fields = { note: 'x'.repeat(300_000) };
  const link = (account: string): SkuFact => ({ type: 'listing.linked', account, listing: { id: '1', fields }, gross: false, rule: { buffer: 0 } });
  const [count, first, second, last] = [await journaled(broker, counted(1, 10)), await journaled(broker, link('north')), await journaled(broker, link('south')), await journaled(broker, adjusted(2, -1))];
  await turn(count, first, second, last);
  const { applied, quarantined, context } = await stored(broker);
  t.is(applied, first.seq, 'what fits is applied');
  t.deepEqual(Object.keys((context as Stock).outlets), ['north']);
  t.is(quarantined?.seq, second.seq);
  t.regex(quarantined!.error, /^actor|^\$KV\.sku\.\d+\.A would take 60\d{4} bytes, 524288 at most$/);
  t.deepEqual(performed, [`oversize:A:${second.seq}:0`]);
  t.like((await broker.bodies('DEAD'))[0], { class: 'oversize', sku, seq: second.seq, message: quarantined!.error });

  await turn(await journaled(broker, { type: 'quarantine.released', skip: second.seq }));
  t.like(await stored(broker), { quarantined: undefined, context: { onHand: 9 } });
});

for (const [what, older, error] of [
  ['of a version that this node does not know', { v: 7 }, /^SKU record of version 7 cannot be read by this node, which reads version 1$/],
  ['in a state that this node does not know', { state: 'elsewhere' }, /elsewhere/],
] as const) {
  test(`a record ${what} is quarantined as it is, and goes on after a release by a node that reads it`, async t => {
    const broker = await startBroker(t);
    await owner(broker).turn(await journaled(broker, counted(1, 10)));
    const good = await stored(broker);
    const strange = { ...good, ...older };
    await broker.records.put(record, strange, (await broker.records.read(record)).revision);
    const missed = await journaled(broker, adjusted(2, -1));

    await owner(broker).turn(missed);

    const { quarantined, ...left } = await stored(broker);
    t.deepEqual(left as object, { ...strange, outbox: [] });
    t.regex(quarantined!.error, error);
    t.like((await broker.bodies('DEAD'))[0], { class: 'version', sku, message: quarantined!.error });

    const wiser: ActorKind<Stock> = {
      ...kind,
      migrate: stranger => ({ ...stranger, v: 1, context: kind.unpack(stranger.context) }),
      stepper: { ...kind.stepper, restore: snapshot => kind.stepper.restore({ ...snapshot, value: good.state }) },
    };
    await owner(broker, wiser).turn(await journaled(broker, { type: 'quarantine.released' }));
    t.like(await stored(broker), { quarantined: undefined, context: { onHand: 9, position: 2 } });
  });
}

test('a record that is no record is made again from its journal', async t => {
  const broker = await startBroker(t);
  const messages = [await journaled(broker, counted(1, 10)), await journaled(broker, adjusted(2, -4))];
  await owner(broker).turn(...messages);
  await broker.publisher.publish(record, Buffer.from('{ half of'));
  const { turn } = owner(broker);
  await turn(await journaled(broker, adjusted(3, -1)));
  // It asked its own journal for a release, which the partition's reader hands to it.
  const { state } = await broker.jsm.streams.info('SKU');
  const body = decode((await broker.jsm.streams.getMessage('SKU', { seq: state.last_seq }))!.data) as object;
  t.like(body, { type: 'quarantine.released' });
  await turn({ seq: state.last_seq, at: 0, correlation: '', body });
  t.like(await stored(broker), { quarantined: undefined, applied: state.last_seq, context: { onHand: 5, position: 3 } });
});

test('a node that dies while it makes up for a quarantine leaves the rest to the next one', async t => {
  const broker = await startBroker(t);
  class Dying extends Records {
    left = Infinity;

    override put(...args: Parameters<Records['put']>): Promise<number> {
      if (this.left-- <= 0) throw new Error('died');
      return super.put(...args);
    }
  }
  const link = (account: string): SkuFact => ({ type: 'listing.linked', account, listing: { id: '1', fields: { note: 'x'.repeat(300_000) } }, gross: false, rule: { buffer: 0 } });
  const count = await journaled(broker, counted(1, 10));
  const strange = await journaled(broker, { type: 'stock.teleported' });
  await owner(broker).turn(count, strange);
  const first = await journaled(broker, counted(2, 20));
  await journaled(broker, link('north'));
  // Together with this one the record is too large: what is made up for is written message by message.
  const last = await journaled(broker, link('south'));
  const release = await journaled(broker, { type: 'quarantine.released', skip: strange.seq });

  const records = new Dying(broker.publisher);
  // One that is refused for its size, one that is stored.
  records.left = 2;
  await t.throwsAsync(owner({ ...broker, records }).turn(release), { message: 'died' });
  t.like(await stored(broker), { applied: first.seq, quarantined: { seq: strange.seq } });

  await owner(broker).turn(release);
  t.like(await stored(broker), { applied: last.seq - 1, quarantined: { seq: last.seq, released: release.seq }, context: { onHand: 20 } });
});

test('a turn waits while the broker is away, and ends when its partition is given up', async t => {
  const broker = await startBroker(t);
  const message = await journaled(broker, counted(1, 10));
  await broker.server.stop();
  const stop = new AbortController();
  const slot: Slot<Stock> = { key: sku, journal: skuSubject(sku), record, kept: undefined };
  const turn = takeTurn({ ...broker, kind, perform: () => Promise.resolve() }, slot, [message], stop.signal);
  setTimeout(() => stop.abort(), 300);
  await t.throwsAsync(turn, { name: 'PublishError' });
  t.true(stop.signal.aborted);
  t.deepEqual(broker.complaints.map(({ msg }) => msg), ['the broker does not answer, a key waits']);
});
