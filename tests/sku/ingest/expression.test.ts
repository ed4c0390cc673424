/** Expressions under limits, and the functions on times and log positions that mappings may call. */
import test from 'ava';
import { ExpressionError, compile, pauseFor } from '../../../actors/sku/ingest/expression.ts';
import { MalformedError } from '../../../actors/sku/ingest/refusal.ts';
import { at } from './mapped.ts';

const bindings = { payload: { all: [1, 2] }, params: { column: 'b' }, message: { seq: 7, at, length: 100 } };
/** Each as of a message of its own. */
const fresh = (): typeof bindings => ({ ...bindings, message: { ...bindings.message } });
const run = async (text: string, input: unknown = {}): Promise<unknown> => {
  try {
    return await compile(text).evaluate('quantity', input, fresh());
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return error.message;
  }
};

test('a plain path gives what JSONata gives, in every shape of data', async t => {
  const shapes = [{ a: { b: 1 } }, { a: { b: null } }, { a: null }, { a: 'text' }, {}, null, 'a', 5, [], [{ a: { b: 1 } }], { a: [{ b: 1 }, { b: 2 }] }, { a: { b: [1, 2] } }, { a: { b: [] } }, { a: [] }, { a: { b: [[1], [2]] } }];
  for (const path of ['a.b', 'a', '$', '$.a.b', '$params.column', '$message.seq', '$payload.all', '$nothing.a', 'a.constructor', '__proto__', 'toString']) {
    for (const shape of shapes) t.deepEqual(await run(path, shape), await run(`(${path})`, shape), `${path} of ${JSON.stringify(shape)}`);
  }
});

test('an expression that never ends, or goes too deep, or too wide, is refused by name', async t => {
  t.is(await run('($f := function($n) { $f($n + 1) }; $f(0))'), 'quantity: cannot be read (too many steps: does it ever end?), got {} from ($f := function($n) { $f($n + 1) }; $f(0))');
  t.regex(String(await run('($f := function($n) { 1 + $f($n + 1) }; $f(0))')), /^quantity: cannot be read \(.*(depth|stack|steps).*\), got /i);
  t.regex(String(await run('$count([1..9000000])')), /^quantity: cannot be read \(.*sequence length.*\), got /);
});

test('steps are counted for each message by itself, over all that is read of it', async t => {
  const summing = compile('$sum($map([1..9000], function($n) { $n + 1 }))');
  for (let n = 0; n < 8; n++) t.is(await summing.evaluate('quantity', {}, fresh()), 40_513_500);
  const [one, other] = [fresh(), fresh()];
  t.deepEqual(await Promise.all([one, other].map(each => summing.evaluate('quantity', {}, each))), [40_513_500, 40_513_500]);
  await t.throwsAsync(async () => { for (let n = 0; n < 8; n++) await summing.evaluate('quantity', {}, one); }, { instanceOf: MalformedError, message: /too many steps/ });
});

test('an expression that takes long lets others work in between', async t => {
  let pauses = 0;
  const message = { ...bindings.message };
  pauseFor(message, async () => { pauses += 1; });
  await t.throwsAsync(async () => compile('($f := function($n) { $f($n + 1) }; $f(0))').evaluate('quantity', {}, { ...bindings, message }), { message: /too many steps/ });
  t.is(pauses, 11, 'of 204,000 steps every 20,000th');
});

test('an error of an expression names field, value and expression', async t => {
  t.is(await run('$number(a)', { a: 'x' }), 'quantity: cannot be read (Unable to cast value to a number: "x"), got "x" from $number(a)');
  t.regex(String(await run('a + 1', { a: 'x' })), /^quantity: cannot be read \(.*\), got "x" from a \+ 1$/);
});

test('an expression that is wrong in itself, or that no two readings would agree on, is refused at once', t => {
  t.throws(() => compile('a.('), { instanceOf: ExpressionError, message: /at character \d+ of a\.\(\)$/ });
  for (const name of ['now', 'millis', 'random', 'shuffle', 'eval']) t.throws(() => compile(`a[b = $${name}(1)]`), { instanceOf: ExpressionError, message: new RegExp(`^\\$${name} reads no message twice alike`) });
  t.notThrows(() => compile('now'), 'a field may have any name');
});

test('times are read exactly, however many digits they have', async t => {
  t.deepEqual(await run('$instant(a)', { a: '2019-10-29T18:38:45.455006797Z' }), [1572374325455, 6797]);
  t.deepEqual(await run('$instant(a)', { a: '2019-10-29T18:38:45.10296Z' }), [1572374325102, 960000]);
  t.deepEqual(await run('[$ms("2020-04-06T10:51:36-04:00"), $ms("2020-04-06 14:51:36Z"), $ms("2020-04-06T14:51Z"), $ms("2022-05-05T03:40:06.000-0700")]'), [1586184696000, 1586184696000, 1586184660000, 1651747206000]);
  t.deepEqual(await run('[$exists($ms(a)), $exists($ms("")), $exists($instant(null))]'), [false, false, false]);
});

test('a time that does not exist, has no offset, or lies ahead of the message is refused', async t => {
  const refused = async (text: string): Promise<unknown> => run('$ms(a)', { a: text });
  t.deepEqual(await Promise.all(['2016-11-16T25:44:22.837Z', '2026-02-29T00:00:00Z', '2025-13-01T00:00:00Z', '2020-01-01T00:00:00+15:00', '2020-01-01T00:00:60Z'].map(refused)),
    ['2016-11-16T25:44:22.837Z', '2026-02-29T00:00:00Z', '2025-13-01T00:00:00Z', '2020-01-01T00:00:00+15:00', '2020-01-01T00:00:60Z'].map(text => `quantity: is a time that does not exist, got "${text}" from $ms(a)`));
  t.deepEqual(await Promise.all(['2020-01-01T00:00:00', '2020-01-01', '1589355606', 'yesterday'].map(refused)),
    ['2020-01-01T00:00:00', '2020-01-01', '1589355606', 'yesterday'].map(text => `quantity: is no time with a date and an offset (2026-01-05T09:00:00Z), got "${text}" from $ms(a)`));
  t.is(await refused('2099-01-01T00:00:00Z'), 'quantity: lies more than a day after the message came, got "2099-01-01T00:00:00Z" from $ms(a)');
  t.is(await refused('2026-01-06T08:59:59Z'), Date.UTC(2026, 0, 6, 8, 59, 59));
});

test('log positions are read in both of their forms', async t => {
  t.deepEqual(await run('$lsn("16/B374D848")'), [22, 0xb374d848]);
  t.deepEqual(await run('$lsn(97500059720)'), [22, 3010779208]);
  for (const bad of ['16', '16/XYZ', '1/123456789']) t.is(await run('$lsn(a)', { a: bad }), `quantity: is no log position, got "${bad}" from $lsn(a)`);
});

test('the pairs of an X12 segment are read by their qualifiers, in any order and however many', async t => {
  const lin = { id: 'LIN', LIN01: '1', LIN02: 'VP', LIN03: 'A', LIN04: 'UP', LIN06: 'MF', LIN07: 'B', LIN08: 'VP', LIN09: 'C' };
  t.deepEqual(await run('$pairs(a)', { a: lin }), { VP: 'A', MF: 'B' });
  t.deepEqual(await run('[$exists($pairs(b)), $exists($pairs("x"))]', {}), [false, false]);
});
