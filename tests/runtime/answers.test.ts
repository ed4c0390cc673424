/** What several channels answered at once, on a real broker: one message, where every live node reads it. */
import test from 'ava';
import type { SkuFact } from '../../actors/sku/protocol.ts';
import { Answers } from '../../runtime/answers.ts';
import { decode } from '../../runtime/codec.ts';
import { PublishError } from '../../runtime/publisher.ts';
import { startBroker } from './broker.ts';
import type { Broker } from './broker.ts';

/** The SKU journals: body and correlation of each message. */
async function journal({ jsm }: Broker): Promise<[fact: SkuFact, correlation: string][]> {
  const { state } = await jsm.streams.info('SKU');
  const messages: [SkuFact, string][] = [];
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const { data, header } = (await jsm.streams.getMessage('SKU', { seq }))!;
    messages.push([decode(data) as SkuFact, header.get('Plumb-Correlation')]);
  }
  return messages;
}

const answer = (account: string, quantity: number) => ({ account, signature: `${account}-sig`, quantity });

test('what is answered of one SKU in one turn, and has one origin, is one message, and each of its tellers knows its place', async t => {
  const broker = await startBroker(t);
  const answers = new Answers({ ...broker, mayJoin: () => true });
  const acks = await Promise.all([
    answers.applied('A', 'wa:1', answer('amazon', 5), 'erp:1'),
    answers.applied('B', 'wa:2', answer('amazon', 7), 'erp:1'),
    answers.applied('A', 'wa:3', { ...answer('ebay', 4), sold: 12 }, 'erp:1'),
    answers.applied('A', 'wa:4', { ...answer('shop', 5), tag: 'v2' }, 'erp:2'),
  ]);
  t.deepEqual(acks.map(({ seq }) => seq), [1, 2, 1, 3]);
  t.deepEqual(await journal(broker), [
    [{ type: 'writes.applied', answers: [answer('amazon', 5), { ...answer('ebay', 4), sold: 12 }] }, 'erp:1'],
    [{ type: 'write.answered', outcome: 'applied', ...answer('amazon', 7) }, 'erp:1'],
    [{ type: 'write.answered', outcome: 'applied', ...answer('shop', 5), tag: 'v2' }, 'erp:2'],
  ]);
  t.deepEqual((await Promise.all([answers.applied('A', 'wa:3', answer('ebay', 4), 'erp:1'), answers.applied('A', 'wa:1', answer('amazon', 5), 'erp:1')])).map(({ duplicate }) => duplicate), [false, false], 'told again in other company, it is another message');
});

test('while a live node does not read that, each is told as ever', async t => {
  const broker = await startBroker(t);
  let mayJoin = false;
  const answers = new Answers({ ...broker, mayJoin: () => mayJoin });
  const both = (): Promise<{ seq: number }[]> => Promise.all([answers.applied('A', 'wa:1', answer('amazon', 5), 'erp:1'), answers.applied('A', 'wa:2', answer('ebay', 4), 'erp:1')]);
  t.deepEqual((await both()).map(({ seq }) => seq), [1, 2]);
  t.deepEqual((await journal(broker)).map(([fact]) => fact), [answer('amazon', 5), answer('ebay', 4)].map(each => ({ type: 'write.answered', outcome: 'applied', ...each })));
  mayJoin = true;
  t.deepEqual((await both()).map(({ seq }) => seq), [3, 3]);
});

test('an answer that cannot be told fails alone, and ends nothing else', async t => {
  const broker = await startBroker(t);
  const answers = new Answers({ ...broker, mayJoin: () => true });
  // No journal takes so large a number.
  const bad = answers.applied('A', 'wa:1', { ...answer('amazon', 5), sold: 10n ** 30n as never }, 'erp:1');
  const good = answers.applied('B', 'wa:2', answer('ebay', 4), 'erp:1');
  await t.throwsAsync(bad);
  t.is((await good).seq, 1);
});

test('where nobody knows whether the journal has it, every teller is told so; a SKU without a name harms no other', async t => {
  const broker = await startBroker(t);
  const answers = new Answers({ ...broker, mayJoin: () => true });
  process.kill(broker.server.pid, 'SIGSTOP');
  const told = [answers.applied('A', 'wa:1', answer('amazon', 5), 'erp:1'), answers.applied('A', 'wa:2', answer('ebay', 4), 'erp:1')];
  await t.throwsAsync(answers.applied('', 'wa:3', answer('ebay', 4), 'erp:1'), { instanceOf: RangeError });
  process.kill(broker.server.pid, 'SIGKILL');
  for (const each of told) t.true((await t.throwsAsync(each, { instanceOf: PublishError })).isUnknown);
});
