/** The simulated ERP keeps a book that adds up, and does mischief in the doses that it states. */
import test from 'ava';
import { Dice } from '../../deploy/demo/dice.ts';
import { Erp } from '../../deploy/demo/erp.ts';
import type { ErpMessage } from '../../deploy/demo/erp-message.ts';
import type { MischiefDoses, Publication } from '../../deploy/demo/erp-mischief.ts';
import { Told } from '../../deploy/demo/told.ts';

const none: MischiefDoses = { duplicate: 0, swapped: 0, late: 0, replayed: 0 };
const quick = { least: 100, most: 100 };

function opened(stock: Record<string, number>, doses: Partial<MischiefDoses> = none): { erp: Erp; opening: Publication[] } {
  const erp = new Erp({ seed: 1, importAfterMs: quick, doses });
  erp.open(new Map(Object.entries(stock)), 0);
  return { erp, opening: erp.due(0) };
}

const said = (publications: Publication[]): unknown[] => publications.map(({ message }) => message.type === 'count'
  ? [message.sku, message.version, message.quantity, message.imported]
  : [message.sku, message.version, message.delta, message.reason]);
const truth = (erp: Erp, sku: string): unknown => [...erp.truths()].find(item => item.sku === sku);

test('opening counts are version 1 of every SKU', t => {
  const { opening } = opened({ A: 5, B: 0 });
  t.deepEqual(said(opening), [['A', 1, 5, []], ['B', 1, 0, []]]);
  t.deepEqual(opening[0]!.message, { id: 'erp-1', sku: 'A', version: 1, at: '1970-01-01T00:00:00.000Z', type: 'count', quantity: 5, imported: [] });
});

test('a sold line is imported late, by a count that names it', t => {
  const { erp } = opened({ A: 5 });
  erp.sold([{ id: 'ebay/1/1', sku: 'A', units: 2 }], 0);
  t.deepEqual(said(erp.due(99)), []);
  t.deepEqual(said(erp.due(100)), [['A', 2, 3, ['ebay/1/1']]]);
});

test('the lines of an order are imported together, one count for each SKU', t => {
  const erp = new Erp({ seed: 1, doses: none });
  erp.open(new Map([['A', 9], ['B', 9]]), 0);
  erp.due(0);
  erp.sold([{ id: 'walmart/1/1', sku: 'A', units: 1 }, { id: 'walmart/1/2', sku: 'A', units: 1 }, { id: 'walmart/1/3', sku: 'B', units: 1 }], 0);
  const counts: unknown[][] = [];
  for (let now = 0; now <= 10_000; now += 50) counts.push(said(erp.due(now)));
  t.deepEqual(counts.filter(said => said.length > 0), [[['A', 2, 7, ['walmart/1/1', 'walmart/1/2']], ['B', 2, 8, ['walmart/1/3']]]]);
});

test('a count lists the imports of the last minute again, so that one that overtakes another is right alone', t => {
  const { erp } = opened({ A: 5 });
  erp.sold([{ id: 'ebay/1/1', sku: 'A', units: 1 }], 0);
  erp.due(100);
  erp.sold([{ id: 'ebay/2/1', sku: 'A', units: 1 }], 100);
  t.deepEqual(said(erp.due(200)), [['A', 3, 3, ['ebay/1/1', 'ebay/2/1']]]);
  erp.sold([{ id: 'ebay/3/1', sku: 'A', units: 1 }], 70_000);
  t.deepEqual(said(erp.due(70_100)), [['A', 4, 2, ['ebay/3/1']]]);
});

test('an adjustment goes out at once with a version of its own', t => {
  const { erp } = opened({ A: 5 });
  erp.adjust('A', -2, 'damaged', 10);
  t.deepEqual(said(erp.due(10)), [['A', 2, -2, 'damaged']]);
  t.like(truth(erp, 'A'), { supply: 3, book: 3, version: 2 });
});

test('a correction takes no more than the book holds, and none where it is empty', t => {
  const { erp } = opened({ A: 3 });
  erp.adjust('A', -5, 'damaged', 10);
  erp.adjust('A', -1, 'damaged', 11);
  t.deepEqual(said(erp.due(20)), [['A', 2, -3, 'damaged']]);
  t.is(erp.figures.clampedUnits, 3);
});

test('a line that the book cannot cover waits until it can', t => {
  const { erp } = opened({ A: 1 });
  erp.sold([{ id: 'ebay/1/1', sku: 'A', units: 1 }], 0);
  erp.sold([{ id: 'amazon/1/1', sku: 'A', units: 2 }], 0);
  t.deepEqual(said(erp.due(100)), [['A', 2, 0, ['ebay/1/1']]]);
  t.true(erp.idle, 'a backorder is nothing left to say');
  t.like(truth(erp, 'A'), { supply: 1, book: 0, backorders: 1 });
  erp.adjust('A', 2, 'delivery', 150);
  t.deepEqual(said(erp.due(200)), [['A', 3, 2, 'delivery'], ['A', 4, 0, ['ebay/1/1', 'amazon/1/1']]]);
});

test('a line cancelled whole is booked back by a count that names the cancellation', t => {
  const { erp } = opened({ A: 5 });
  erp.sold([{ id: 'ebay/1/1', sku: 'A', units: 2 }], 0);
  erp.due(100);
  erp.cancelled('ebay/1/1', 1, 110);
  t.true(erp.idle, 'a part is not booked');
  erp.cancelled('ebay/1/1', 1, 120);
  t.deepEqual(said(erp.due(220)), [['A', 3, 5, ['ebay/1/1', 'ebay/1/1#cancelled']]]);
});

test('a line cancelled whole before its import is never imported', t => {
  const { erp } = opened({ A: 5 });
  erp.sold([{ id: 'ebay/1/1', sku: 'A', units: 2 }], 0);
  erp.cancelled('ebay/1/1', 2, 50);
  t.deepEqual(said(erp.due(200)), []);
  t.true(erp.idle);
});

test('once closed, nothing waits any more', t => {
  const erp = new Erp({ seed: 1, importAfterMs: quick, doses: { ...none, late: 1 } });
  erp.open(new Map([['A', 5]]), 0);
  erp.due(0);
  erp.adjust('A', -1, 'damaged', 10);
  erp.sold([{ id: 'ebay/1/1', sku: 'A', units: 2 }], 10);
  t.deepEqual(said(erp.due(11)), []);
  t.false(erp.idle);
  erp.close();
  t.deepEqual(said(erp.due(12)), [['A', 3, 2, ['ebay/1/1']], ['A', 2, -1, 'damaged']]);
  t.true(erp.idle);
});

test('a swapped message goes right after the next of its SKU, or 1.5 s later', t => {
  const { erp } = opened({ A: 9, B: 9 }, { ...none, swapped: 1 });
  erp.adjust('A', -1, 'damaged', 0);
  t.deepEqual(said(erp.due(1_499)), []);
  t.deepEqual(said(erp.due(1_500)), [['A', 2, -1, 'damaged']]);
  const mixed = new Erp({ seed: 3, doses: { ...none, swapped: 0.5 } });
  mixed.open(new Map([['A', 1_000]]), 0);
  for (let n = 0; n < 50; n++) mixed.adjust('A', -1, 'damaged', 0);
  const versions = mixed.due(0).map(({ message }) => message.version);
  t.true(versions.some((version, n) => n > 0 && version < versions[n - 1]!), 'some went out of order');
});

test('mischief comes in the doses stated', t => {
  const erp = new Erp({ seed: 5 });
  const dice = new Dice(5, 'test');
  const skus = Array.from({ length: 50 }, (_, n) => `S${n}`);
  erp.open(new Map(skus.map(sku => [sku, 100_000])), 0);
  const out = erp.due(0);
  const opening = out.filter(({ as }) => as === 'first').length;
  t.is(opening, 50);
  for (let now = 0; now < 200_000; now += 10) {
    const sku = skus[dice.between(0, 49)]!;
    if (dice.chance(0.5)) erp.adjust(sku, -1, 'damaged', now);
    else erp.sold([{ id: `ebay/${now}/1`, sku, units: 1 }], now);
    out.push(...erp.due(now));
  }
  erp.close();
  out.push(...erp.due(200_000));
  const { counts, adjusts } = erp.figures;
  const all = counts + adjusts;
  const share = (figure: number, wanted: number): boolean => Math.abs(figure / all - wanted) < wanted / 4;
  t.true(share(erp.mischief.duplicates, 0.05) && share(erp.mischief.swapped, 0.04) && share(erp.mischief.late, 0.01) && share(erp.mischief.replayed, 0.01), JSON.stringify({ all, ...erp.mischief }));
  t.is(out.filter(({ as }) => as === 'first').length, all, 'every message goes out once');
  t.is(out.length, all + erp.mischief.duplicates + erp.mischief.replayed);
  const ids = new Map<string, string>();
  for (const { message, as } of out) {
    if (as === 'replay') continue;
    t.is(ids.get(message.id) ?? JSON.stringify(message), JSON.stringify(message), 'one id, one fact');
    ids.set(message.id, JSON.stringify(message));
  }
});

test('the same seed and the same events give the same messages', t => {
  const run = (): Publication[] => {
    const erp = new Erp({ seed: 9 });
    erp.open(new Map([['A', 500]]), 0);
    const out: Publication[] = [];
    for (let now = 0; now < 20_000; now += 100) {
      erp.sold([{ id: `ebay/${now}/1`, sku: 'A', units: 1 }], now);
      out.push(...erp.due(now));
    }
    return out;
  };
  t.deepEqual(run(), run());
});

/** Understands the messages as their docstrings say, and drops whatever is older than what it knows. */
class Listener {
  #version = 0;
  #number = 0;
  readonly #imported = new Set<string>();
  readonly #early = new Map<number, number>();

  hear(message: ErpMessage): void {
    if (message.version <= this.#version) return;
    if (message.type === 'adjust') this.#early.set(message.version, message.delta);
    else {
      [this.#version, this.#number] = [message.version, message.quantity];
      for (const id of message.imported) this.#imported.add(id);
    }
    for (let delta = this.#early.get(this.#version + 1); delta !== undefined; delta = this.#early.get(this.#version + 1)) {
      this.#version += 1;
      this.#number += delta;
    }
  }

  available(lines: ReadonlyMap<string, { units: number; cancelled: number }>): number {
    return [...lines].reduce((left, [id, line]) => left
      - (this.#imported.has(id) ? 0 : line.units) + (this.#imported.has(`${id}#cancelled`) ? 0 : line.cancelled), this.#number);
  }
}

// The promise on which the referee and Plumb both rest: number and imports agree, whatever was lost or overtaken.
test('what a listener knows, less the lines it was not told of, is supply less net sales after every message', t => {
  for (let seed = 1; seed <= 20; seed++) {
    const dice = new Dice(seed, 'test');
    const erp = new Erp({ seed, importAfterMs: { least: 0, most: 4_000 } });
    erp.open(new Map([['A', 40]]), 0);
    const lines = new Map<string, { units: number; cancelled: number }>();
    const told = new Told();
    const listener = new Listener();
    for (let now = 0; now <= 30_000; now += 50) {
      const open = [...lines].find(([, line]) => line.cancelled < line.units);
      if (dice.chance(0.1)) erp.adjust('A', dice.between(-3, 3) || 1, 'count', now);
      else if (dice.chance(0.1) && open) {
        const units = dice.between(1, open[1].units - open[1].cancelled);
        open[1].cancelled += units;
        erp.cancelled(open[0], units, now);
      } else if (dice.chance(0.3)) {
        lines.set(`ebay/${now}/1`, { units: dice.between(1, 3), cancelled: 0 });
        erp.sold([{ id: `ebay/${now}/1`, sku: 'A', units: lines.get(`ebay/${now}/1`)!.units }], now);
      }
      if (now === 30_000) erp.close();
      for (const publication of erp.due(now)) {
        told.hear(publication, now);
        listener.hear(publication.message);
        const net = [...lines.values()].reduce((sum, line) => sum + line.units - line.cancelled, 0);
        t.is(listener.available(lines), told.timeline('A').at(-1)!.supply - net, `seed ${seed}, ${now} ms`);
      }
    }
    const [end] = erp.truths();
    t.is(told.timeline('A').at(-1)!.supply, end!.supply);
    t.is(told.version('A'), end!.version);
  }
});

test('what was told: an adjustment counts once its turn has come, a count at once', t => {
  const told = new Told();
  const common = { sku: 'A', at: '' } as const;
  const count = (version: number, supply: number): Publication => ({ message: { ...common, id: `${version}`, version, type: 'count', quantity: supply, imported: [] }, supply, as: 'first' });
  const adjust = (version: number, supply: number): Publication => ({ message: { ...common, id: `${version}`, version, type: 'adjust', delta: 1, reason: 'count' }, supply, as: 'first' });
  told.hear(count(1, 10), 0);
  told.hear(adjust(3, 12), 10);
  t.deepEqual(told.timeline('A'), [{ at: 0, supply: 10 }], 'version 2 is missing');
  told.hear(adjust(2, 11), 20);
  t.deepEqual(told.timeline('A').at(-1), { at: 20, supply: 12 });
  told.hear(adjust(5, 14), 30);
  told.hear(count(4, 13), 35);
  t.deepEqual(told.timeline('A').at(-1), { at: 35, supply: 14 });
  told.hear(count(8, 20), 40);
  told.hear(adjust(7, 19), 50);
  told.hear(count(4, 13), 60);
  t.deepEqual(told.timeline('A').at(-1), { at: 40, supply: 20 }, 'what is older changes nothing');
  t.is(told.version('A'), 8);
  t.deepEqual(told.figures, { published: 8, ids: 7 });
  t.deepEqual(told.timeline('B'), []);
});
