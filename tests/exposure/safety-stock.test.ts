import test from 'ava';
import { bufferFor, quantile, tail } from '../../actors/sku/exposure/safety-stock.ts';
import type { Measured } from '../../actors/sku/exposure/safety-stock.ts';
import { modeOf } from '../../actors/sku/exposure/mode.ts';
import { Dice } from './sim/dice.ts';

const shares = [0.4, 0.25, 0.15, 0.12, 0.08];
const measuredAt = (unitsPerHour: number, more: Partial<Measured> = {}): Measured[] =>
  shares.map((share, i) => ({ account: `c${i}`, unitsPerHour: unitsPerHour * share, writeMs: 2_000, orderLagMs: 500, ...more }));
const rule = { risk: 0.001, debounceMs: 500, unmeasuredMs: 300_000 };
const percent = (chance: number) => Math.round(chance * 1000) / 10;

test('the chance to oversell without a buffer is the one of section 9', t => {
  const chances = [[10, 3], [10, 120], [60, 3], [60, 120]].map(([perHour, seconds]) => {
    const { risk } = bufferFor('c0', measuredAt(perHour!, { writeMs: seconds! * 1000 - 500, orderLagMs: 0 }), { ...rule, fixed: 0 });
    return percent(risk);
  });
  t.deepEqual(chances, [0.6, 21.7, 3.6, 77]);
});

test('a computed buffer is the fewest units that keep the risk, with the numbers behind it', t => {
  const buffer = bufferFor('c0', measuredAt(60, { writeMs: 119_000, orderLagMs: 500 }), rule);
  t.is(buffer.units, 6);
  t.deepEqual({ ...buffer, mean: percent(buffer.mean), risk: percent(buffer.risk) }, { units: 6, by: 'computed', delayMs: 120_000, isAssumed: false, unitsPerHour: 60, mean: 146.8, risk: 0.1 });
  t.true(tail(buffer.mean, 6) <= 0.001 && tail(buffer.mean, 5) > 0.001);
});

test('a fixed buffer stays, whatever was measured, and its risk is told', t => {
  const { units, by, risk } = bufferFor('c0', measuredAt(60, { writeMs: 119_000 }), { ...rule, fixed: 2 });
  t.deepEqual({ units, by, risk: percent(risk) }, { units: 2, by: 'fixed', risk: 18.3 });
});

test('a channel that is slow to show a write holds back more than a quick one', t => {
  const measured = measuredAt(60).map((one, i) => i === 1 ? { ...one, writeMs: 600_000 } : one);
  t.deepEqual([0, 1].map(i => bufferFor(`c${i}`, measured, rule).units), [1, 17]);
});

test('a delay that was never measured is assumed long, and said to be assumed', t => {
  const { account, unitsPerHour } = measuredAt(60)[0]!;
  const buffer = bufferFor('c0', [{ account, unitsPerHour }, ...measuredAt(60).slice(1)], rule);
  t.deepEqual({ isAssumed: buffer.isAssumed, delayMs: buffer.delayMs }, { isAssumed: true, delayMs: 301_000 });
});

test('a SKU that sells nowhere, or on one channel alone, needs no buffer', t => {
  t.deepEqual([measuredAt(0), measuredAt(60).slice(0, 1)].map(measured => bufferFor('c0', measured, rule).units), [0, 0]);
});

test('numbers out of range are named', t => {
  t.throws(() => bufferFor('c0', measuredAt(60), { ...rule, risk: 0 }), { instanceOf: RangeError, message: 'risk 0 is not between 0 and 1' });
  t.throws(() => bufferFor('c0', measuredAt(60), { ...rule, fixed: 1.5 }), { instanceOf: RangeError, message: 'fixed 1.5 is no whole number of units' });
  t.throws(() => bufferFor('c0', measuredAt(NaN), rule), { instanceOf: RangeError, message: 'unitsPerHour NaN of c0 is not a number from 0' });
});

test('a quantile of a large mean is where the normal distribution has it', t => {
  const units = quantile(10_000, 0.001);
  t.true(Math.abs(units - (10_000 + 3.09 * 100)) < 3, String(units));
});

/** Sell-outs played by hand: each channel shows what is left as it was `delayMs` ago, less the buffer. */
function oversoldShare(perHour: number, delayMs: number, buffer: number, rounds: number): number {
  let oversold = 0;
  for (let round = 0; round < rounds; round++) {
    const dice = new Dice(round + 1);
    const sales: { at: number; channel: number }[] = [];
    const supply = 30;
    let now = 0;
    for (let i = 0; i < 400 && now < 40 * delayMs + 100 * 3_600_000 / perHour; i++) {
      now += -Math.log((dice.whole(`gap ${i}`, 0, 999_999) + 0.5) / 1_000_000) * 3_600_000 / perHour;
      const draw = dice.whole(`where ${i}`, 0, 99);
      const channel = draw < 40 ? 0 : draw < 65 ? 1 : draw < 80 ? 2 : draw < 92 ? 3 : 4;
      const shown = supply - buffer - sales.filter(sale => sale.channel === channel || sale.at <= now - delayMs).length;
      if (shown > 0) sales.push({ at: now, channel });
    }
    if (sales.length > supply) oversold += 1;
  }
  return oversold / rounds;
}

test('played sell-outs oversell as often as computed, and with the buffer hardly ever', t => {
  const measured = measuredAt(60, { writeMs: 119_000, orderLagMs: 500 });
  const bare = bufferFor('c0', measured, { ...rule, fixed: 0 });
  const played = oversoldShare(60, 120_000, 0, 400);
  t.true(Math.abs(played - bare.risk) < 0.08, `${played} played, ${bare.risk} computed`);
  t.true(oversoldShare(60, 120_000, bufferFor('c0', measured, rule).units, 400) <= 0.005);
});

test('a SKU goes to escrow below one number and back to mirror above another, and stays as it is in between', t => {
  const scarcity = { unitsPerHour: 60, shares, delayMs: 120_000 };
  const { escrowBelow, mirrorAbove } = modeOf('mirror', { ...scarcity, known: 0 }, 0.001);
  t.deepEqual([escrowBelow, mirrorAbove], [15, 30]);
  const seen = [14, 15, 30, 31].flatMap(known => (['mirror', 'escrow'] as const).map(mode => modeOf(mode, { ...scarcity, known }, 0.001).mode));
  t.deepEqual(seen, ['escrow', 'escrow', 'mirror', 'escrow', 'mirror', 'escrow', 'mirror', 'mirror']);
});

test('what sells so seldom that no buffer is needed needs no escrow, however little there is of it', t => {
  for (const [unitsPerHour, known] of [[0, 0], [0, 1], [0.02, 1]] as const) t.like(modeOf('escrow', { unitsPerHour, known, shares, delayMs: 120_000 }, 0.001), { mode: 'mirror', why: 'ample', escrowBelow: 0 });
  t.like(modeOf('mirror', { unitsPerHour: 0.04, known: 1, shares, delayMs: 120_000 }, 0.001), { mode: 'escrow', why: 'scarce', escrowBelow: 2 });
});

test('what is not measured is no reason to promise less, and people have the last word', t => {
  const scarcity = { unitsPerHour: 60, shares, delayMs: 120_000, known: 1_000 };
  t.deepEqual(modeOf('mirror', { ...scarcity, known: undefined }, 0.001), { mode: 'escrow', why: 'unmeasured' });
  t.deepEqual(modeOf('mirror', { ...scarcity, delayMs: undefined }, 0.001), { mode: 'escrow', why: 'unmeasured' });
  t.deepEqual(modeOf('escrow', { ...scarcity, known: 1 }, 0.001, 'mirror'), { mode: 'mirror', why: 'pinned' });
});
