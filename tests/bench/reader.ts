/**
 * The other half of raw JetStream, as a process of its own: reads a stream to its end with the client's own ordered
 * consumer. And, as a chain, what any design pays that stores before it acts: read, store, publish, read.
 */
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { connect } from 'nats';
import { underParent } from '../../deploy/demo/child.ts';
import { encodeJson } from '../../runtime/codec.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { Reader } from '../../runtime/reader.ts';
import { nowMs } from './channel.ts';

const nc = await connect({ servers: process.env.BENCH_URL!, name: 'bench-reader', inboxPrefix: '_INBOX_benchread' });
const js = jetstream(nc);
const publisher = new Publisher(nc, '_INBOX_benchread');
/** When the job of each event came, by event id. */
let arrived = new Map<string, number>();
let told = (): void => {};
let chained: Reader[] = [];

const parent = underParent(() => nc.close());
parent.onMessage(message => {
  if (message.type === 'read') void read(message.stream as string, message.count as number);
  if (message.type === 'chain') chain(message.stream as string);
  if (message.type === 'chained') void untilChained(message.last as string);
});
parent.ready();

async function read(stream: string, count: number): Promise<void> {
  const consumer = await js.consumers.get(stream, { deliver_policy: DeliverPolicy.All });
  const messages = await consumer.consume({ max_messages: 500, expires: 5_000, idle_heartbeat: 1_000 });
  let left = count;
  let bytes = 0;
  for await (const message of messages) {
    bytes += message.data.length;
    left -= 1;
    if (left === 0) break;
  }
  parent.tell({ type: 'read', ended: nowMs(), bytes });
  await messages.close();
}

function chain(stream: string): void {
  arrived = new Map();
  const empty = new Uint8Array();
  let ready = 0;
  const onCaughtUp = (): void => { if (++ready === 2) parent.tell({ type: 'chain' }); };
  const events = new Reader(nc, { stream, filter: 'raw.>', from: 1, name: 'chain', onCaughtUp, onMessage: message => {
    const id = message.header('Nats-Msg-Id')!;
    const record = encodeJson({ seq: message.seq, state: 'x'.repeat(1_000) });
    void publisher.publish(`chain.record${message.subject.slice('raw'.length)}`, record).then(() => publisher.publish(`chain.job.${id}`, empty));
  } });
  const jobs = new Reader(nc, { stream: 'CHAIN', filter: 'chain.job.>', from: 'last-per-subject', name: 'chain', onCaughtUp, onMessage: message => {
    arrived.set(message.subject.slice('chain.job.'.length), nowMs());
    told();
  } });
  chained = [events, jobs];
}

async function untilChained(last: string): Promise<void> {
  while (!arrived.has(last)) await new Promise<void>(resolve => { told = resolve; });
  await Promise.all(chained.map(reader => reader.stop()));
  parent.tell({ type: 'chained', at: Object.fromEntries(arrived) });
}
