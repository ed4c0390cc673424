/** Alarms on a real server: told once, taken over, resolved. */
import test from 'ava';
import { pino } from 'pino';
import type { Concern } from '../../actors/reconciler/progress.ts';
import { Alarms } from '../../runtime/alarms.ts';
import { startBroker } from './broker.ts';
import type { Broker } from './broker.ts';

const log = pino({ level: 'silent' });
const late: Concern = { what: 'orders', severity: 'high', measured: 500_000, promised: 600_000, action: 'look' };

function alarmsOn({ publisher, records }: Broker): Alarms {
  return new Alarms({ unit: 'ebay', name: 'ebay', publisher, records, log });
}

test('a trouble that lasts is told once, over restarts of its owner, and once more when it is over', async t => {
  const broker = await startBroker(t);
  const first = alarmsOn(broker);
  await first.load();
  first.look([late], 1);
  first.look([], 2);
  for (let at = 3; at < 20; at++) first.look([late], at);
  t.deepEqual(first.open, ['orders']);
  await first.stop();

  const next = alarmsOn(broker);
  await next.load();
  t.deepEqual(next.open, ['orders']);
  for (let at = 20; at < 30; at++) next.look([late], at);
  for (let at = 30; at < 40; at++) next.look([], at);
  t.deepEqual(next.open, []);
  await next.stop();
  const told = await broker.bodies('ALERT') as Record<string, unknown>[];
  t.deepEqual(told.map(({ id, state, class: kind, what, severity, measured, promised, action }) => ({ id, state, kind, what, severity, measured, promised, action })), [
    { id: 'prg-ebay-orders-5', state: 'open', kind: 'progress', what: 'orders', severity: 'high', measured: 500_000, promised: 600_000, action: 'look' },
    { id: 'prg-ebay-orders-5', state: 'resolved', kind: 'progress', what: 'orders', severity: 'high', measured: undefined, promised: undefined, action: 'none' },
  ]);
});

test('what passes by itself within three looks is told to nobody', async t => {
  const broker = await startBroker(t);
  const alarms = alarmsOn(broker);
  await alarms.load();
  for (let at = 1; at < 30; at++) alarms.look(at % 3 === 0 ? [] : [late], at);
  await alarms.stop();
  t.deepEqual(await broker.bodies('ALERT'), []);
});
