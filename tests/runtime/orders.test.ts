import test from 'ava';
import { pino } from 'pino';
import type { Call, ChannelAdapter, OrderLine } from '../../actors/channel/adapter.ts';
import { OrderIntake } from '../../runtime/orders.ts';
import { PublishError } from '../../runtime/publisher.ts';
import type { Publisher } from '../../runtime/publisher.ts';

test('a line that finds its listing while the broker is away is told of as healed later, once', async t => {
  const line: OrderLine = { id: '7/1', orderId: '7', sku: 'A', units: 1, cancelled: 0, shipped: 0, createdAt: 1 };
  const letters: string[] = [];
  let isAway = false;
  let isLinked = false;
  const intake = new OrderIntake({
    account: 'shop',
    adapter: { orders: async () => ({ lines: [line], cursor: '', more: false, completeThrough: 0 }) } as unknown as ChannelAdapter,
    publisher: { publish: async (_subject: string, data: Uint8Array) => {
      if (isAway) throw new PublishError('no connection to the broker');
      letters.push((JSON.parse(Buffer.from(data).toString()) as { id: string }).id);
    } } as unknown as Publisher,
    log: pino({ level: 'silent' }),
    skuOf: name => (isLinked ? name : undefined),
    publish: async () => 1,
  });
  const call = { signal: AbortSignal.timeout(1_000) } as Call;
  await intake.poll(undefined, call);
  [isLinked, isAway] = [true, true];
  await t.throwsAsync(() => intake.linked(), { instanceOf: PublishError });
  isAway = false;
  await intake.poll(undefined, call);
  await intake.poll(undefined, call);
  t.deepEqual(letters, ['dead:unmapped:shop/7/1', 'dead:unmapped:shop/7/1:resolved']);
});
