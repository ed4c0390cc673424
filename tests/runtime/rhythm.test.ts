/** When a source's silence is told, and when it is over. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { pino } from 'pino';
import { configSchema } from '../../config/config.ts';
import { startNode } from '../../deploy/node.ts';
import { RhythmWatch, allowedMs, heard, unknownRhythm } from '../../runtime/rhythm.ts';
import type { Rhythm } from '../../runtime/rhythm.ts';
import { eventually, startBroker } from './broker.ts';
import type { Broker } from './broker.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const start = 20_000 * day;

const after = (rhythm: Rhythm, ...times: number[]): Rhythm => times.reduce(heard, rhythm);

/** A message every ten minutes from 8 to 18 h, on each of the days. */
function workdays(days: readonly number[]): number[] {
  return days.flatMap(d => Array.from({ length: 61 }, (_, n) => start + d * day + 8 * hour + n * 10 * minute));
}

test('gaps are kept by the day that they ended on, for fifteen days, and repeats teach nothing', t => {
  const rhythm = after(unknownRhythm, start + 1, start + 5, start + 3, start + 5, start + 20, start + day + 1, start + 15 * day + 1);
  t.deepEqual(rhythm, { last: start + 15 * day + 1, gaps: 4, days: [{ day: 20_001, longest: day - 19 }, { day: 20_015, longest: 14 * day }] });
});

test('nothing is learnt from few gaps; a steady source is allowed five minutes at least', t => {
  const steady = (count: number): Rhythm => after(unknownRhythm, ...Array.from({ length: count }, (_, n) => start + n * 1_000));
  t.is(allowedMs(steady(50)), undefined);
  t.is(allowedMs(steady(51)), 5 * minute);
  t.is(allowedMs(steady(50), 30_000), 30_000);
  t.is(allowedMs(unknownRhythm, 30_000), 30_000);
});

test('nights are known after the second and weekends likewise, while one outage teaches nothing', t => {
  t.is(allowedMs(after(unknownRhythm, ...workdays([0]))), 20 * minute);
  t.is(allowedMs(after(unknownRhythm, ...workdays([0, 1, 2]))), 2 * 14 * hour, 'two nights of 14 h');
  const outage = after(unknownRhythm, ...workdays([0, 1, 2]), start + 2 * day + 60 * hour);
  t.is(allowedMs(outage), 2 * 14 * hour, 'one longer gap is no rhythm');
  t.is(allowedMs(after(unknownRhythm, ...workdays([0, 1, 4, 5, 6, 7, 8, 11]))), 2 * 62 * hour, 'two weekends');
});

interface World { broker: Broker; clock: { now: number }; watch(everyMs?: number): Promise<RhythmWatch>; told(stream: string): Promise<object[]> }

async function world(t: ExecutionContext): Promise<World> {
  const broker = await startBroker(t);
  const clock = { now: start };
  return {
    broker, clock,
    async watch(everyMs = minute) {
      const watch = new RhythmWatch({ ...broker, source: 'erp', everyMs, now: () => clock.now, lookMs: 5 });
      t.teardown(() => watch.stop());
      await watch.load();
      return watch;
    },
    told: async stream => (await broker.bodies(stream)).map(({ id, class: kind, state, lastAt, since, allowedMs: allowed, resolvedAt }) => ({ id, class: kind, state, lastAt, since, ...(allowed !== undefined && { allowed }), ...(resolvedAt !== undefined && { resolvedAt }) })),
  };
}

test('silence past the rhythm is told once, with what to check, by whoever watches, and resolved when the source speaks', async t => {
  const { broker, clock, watch, told } = await world(t);
  const first = await watch();
  first.heard(start - 5_000);
  first.heard(start);
  first.watch();
  clock.now = start + minute;
  await looked(clock);
  t.deepEqual(await told('DEAD'), []);
  clock.now = start + minute + 1;
  await eventually('the silence is told', async () => (await told('ALERT')).length === 1);
  await first.stop();

  clock.now += 30_000;
  const second = await watch();
  second.heard(start);
  second.watch();
  clock.now += hour;
  await looked(clock);
  second.heard(clock.now);
  await eventually('the end of it is told', async () => (await told('ALERT')).length === 2);
  await second.stop();
  const since = start;
  const resolvedAt = start + minute + 1 + 30_000 + hour;
  t.deepEqual(await told('DEAD'), [
    { id: `silence:erp:${since}:open`, class: 'silence', state: 'open', lastAt: start, since, allowed: minute },
    { id: `silence:erp:${since}:resolved`, class: 'silence', state: 'resolved', lastAt: resolvedAt, since, resolvedAt },
  ]);
  t.deepEqual(await told('ALERT'), [
    { id: `sil-erp-${since}`, class: 'silence', state: 'open', lastAt: start, since, allowed: minute },
    { id: `sil-erp-${since}`, class: 'silence', state: 'resolved', lastAt: resolvedAt, since, resolvedAt },
  ]);
  t.regex((await broker.bodies('DEAD'))[0]!['action'] as string, /^look whether erp still sends: /);
});

test('a source that never spoke is silent since it is watched, and what nobody watched does not count', async t => {
  const { clock, watch, told } = await world(t);
  const first = await watch();
  first.watch();
  await looked(clock);
  await first.stop();
  // An hour without any node: the source gets its time again.
  clock.now += hour;
  const second = await watch();
  second.watch();
  const back = clock.now;
  await looked(clock);
  clock.now = back + minute;
  await looked(clock);
  t.deepEqual(await told('DEAD'), []);
  clock.now = back + minute + 2;
  await eventually('the silence is told', async () => (await told('DEAD')).length === 1);
  await second.stop();
  t.deepEqual(await told('DEAD'), [{ id: `silence:erp:${back}:open`, class: 'silence', state: 'open', lastAt: null, since: back, allowed: minute }]);
});

test('a node watches its sources: one that stops is told of, and the end of its silence too', async t => {
  const { server, nc, bodies } = await startBroker(t);
  const node = await startNode(configSchema.parse({ nats: { url: server.url }, node: { id: 'n' }, sources: [{ source: 'erp', rhythm: { everyMs: 1_000 } }, { source: 'quiet', rhythm: 'off' }, { source: 'unknown' }] }), pino({ level: 'silent' }));
  t.teardown(() => node.stop());
  const speak = (source: string): void => nc.publish(`ingest.${source}`, JSON.stringify({ id: `${source}-1`, sku: 'A', type: 'count', version: 1, quantity: 1 }));
  for (const source of ['erp', 'quiet', 'unknown']) speak(source);
  await eventually('the silence is told', async () => (await bodies('ALERT')).length === 1);
  speak('erp');
  await eventually('its end is told', async () => (await bodies('ALERT')).length >= 2);
  t.deepEqual((await bodies('ALERT')).slice(0, 2).map(({ source, state, rhythm }) => [source, state, rhythm]), [['erp', 'open', 'declared'], ['erp', 'resolved', undefined]]);
});

/** The watch has looked at least once at the time that it is: it asks the clock. */
async function looked(clock: { now: number }): Promise<void> {
  const at = clock.now;
  let asked = 0;
  Object.defineProperty(clock, 'now', { configurable: true, get() { asked += 1; return at; }, set(value: number) { Object.defineProperty(clock, 'now', { configurable: true, writable: true, value }); } });
  await eventually('the watch has looked', () => asked >= 3);
  clock.now = at;
}
