/** Due times: told when they come, by what the record says then; and the broker's clock that they are counted in. */
import test from 'ava';
import { BrokerClock } from '../../runtime/clock.ts';
import { Due } from '../../runtime/due.ts';

type Record = { due: { [id: string]: { at: number; event: { type: string } } } };
const waiting = (times: { [id: string]: number }): Record => ({ due: Object.fromEntries(Object.entries(times).map(([id, at]) => [id, { at, event: { type: `${id}.due` } }])) });

/** A clock moved by hand; what is told, and what fails first. */
function world(records: { [token: string]: Record }) {
  let now = 0;
  let armed: { at: number; wake: () => void }[] = [];
  const told: string[] = [];
  const state = { failures: 0, loads: 0 };
  const due = new Due({
    now: () => now,
    wakeAt: (at, wake) => { armed.push({ at, wake }); },
    recordOf: token => { state.loads += 1; return Promise.resolve(records[token]); },
    tell: async (token, { id, at }) => {
      if (state.failures-- > 0) throw new Error('no broker');
      told.push(`${now}: ${token} ${id}@${at}`);
    },
  });
  const until = async (time: number): Promise<void> => {
    for (;;) {
      const next = armed.filter(({ at }) => at <= time).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      armed = armed.filter(one => one !== next);
      now = Math.max(now, next.at);
      next.wake();
      for (let n = 0; n < 10; n++) await Promise.resolve();
    }
    now = time;
  };
  return { due, told, until, state, records, armed: () => armed.length };
}

test('each timer is told at its time, the nearest first, others of the same key after it', async t => {
  const { due, told, until, records } = world({ a: waiting({ gap: 300, flush: 100 }), b: waiting({ flush: 200 }) });
  for (const token of ['a', 'b']) due.note(token, records[token]!);
  await until(150);
  records.a = waiting({ gap: 300 });
  due.note('a', records.a);
  await until(400);
  t.deepEqual(told, ['100: a flush@100', '200: b flush@200', '300: a gap@300']);
});

test('a timer that was moved or cancelled is not told at its old time', async t => {
  const { due, told, until, records } = world({ a: waiting({ flush: 100 }), b: waiting({ flush: 100 }) });
  for (const token of ['a', 'b']) due.note(token, records[token]!);
  records.a = waiting({ flush: 250 });
  due.note('a', records.a);
  records.b = waiting({});
  due.note('b', records.b);
  await until(1_000);
  t.deepEqual(told, ['250: a flush@250']);
});

test('a key that is moved again and again is armed no more often than once', async t => {
  const { due, told, until, records, armed } = world({ a: waiting({ flush: 100 }) });
  for (let at = 100; at <= 5_000; at += 10) {
    records.a = waiting({ flush: at });
    due.note('a', records.a);
  }
  t.is(armed(), 1);
  await until(5_000);
  t.deepEqual(told, ['5000: a flush@5000']);
});

test('what a former owner left is taken over without reading a record before its time', async t => {
  const { due, told, until, state } = world({ a: waiting({ flush: 100 }), gone: waiting({}) });
  due.takeOver({ a: 100, gone: 50, unknown: 60 });
  t.is(state.loads, 0);
  t.deepEqual(due.entries(), { a: 100, gone: 50, unknown: 60 });
  await until(200);
  t.deepEqual(told, ['100: a flush@100']);
});

test('a timer that the journal did not take is told again', async t => {
  const { due, told, until, state, records } = world({ a: waiting({ flush: 100 }) });
  state.failures = 2;
  due.note('a', records.a!);
  await until(2_000);
  t.deepEqual(told.slice(0, 1), ['1100: a flush@100']);
});

test('a timer that was told and is still in force later is told again', async t => {
  const { due, told, until, records } = world({ a: waiting({ flush: 100 }) });
  due.note('a', records.a!);
  await until(5_200);
  t.deepEqual(told, ['100: a flush@100', '5100: a flush@100']);
});

test('a quarantined actor waits for nothing, and neither does a partition that was given up', async t => {
  const { due, told, until } = world({ a: waiting({ flush: 100 }), b: waiting({ flush: 100 }) });
  due.note('a', { ...waiting({ flush: 100 }), quarantined: { seq: 1, at: 1, error: '', released: 0 } });
  t.deepEqual(due.entries(), {});
  due.takeOver({ b: 100 });
  due.stop();
  await until(1_000);
  t.deepEqual(told, []);
});

test("the broker's clock is read off renewals and runs on by the monotonic one, whatever the wall clock does", t => {
  let monotonic = 50;
  let wall = 9_000_000;
  const clock = new BrokerClock(() => monotonic, () => wall);
  t.is(clock.now(), 9_000_000, 'before it is known, this machine is asked');
  clock.note(1_000_000, 40, 60);
  const isAbout = (ms: number, why?: string): void => { t.true(Math.abs(clock.now() - ms) <= 1, why); };
  isAbout(1_000_000);
  t.true(Math.abs(clock.skewMs - 8_000_000) <= 1);
  monotonic = 150;
  wall = 0;
  isAbout(1_000_100);
  clock.note(1_001_000, 150, 2_000);
  isAbout(1_000_100, 'a renewal that took long says too little');
});
