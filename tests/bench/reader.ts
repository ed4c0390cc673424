/** Reads a stream to its end with the client's own ordered consumer: the other half of raw JetStream. */
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { connect } from 'nats';
import { underParent } from '../../deploy/demo/child.ts';
import { nowMs } from './channel.ts';

const nc = await connect({ servers: process.env.BENCH_URL!, name: 'bench-reader', inboxPrefix: '_INBOX_benchread' });
const js = jetstream(nc);

const parent = underParent(() => nc.close());
parent.onMessage(message => {
  if (message.type === 'read') void read(message.stream as string, message.count as number);
});
parent.ready();

async function read(stream: string, count: number): Promise<void> {
  const consumer = await js.consumers.get(stream, { deliver_policy: DeliverPolicy.All });
  const messages = await consumer.consume({ max_messages: 500, expires: 5_000, idle_heartbeat: 1_000 });
  parent.tell({ type: 'reading' });
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
