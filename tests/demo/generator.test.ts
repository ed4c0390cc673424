/** The generated world has the shape that its docstring promises, and repeats. */
import test from 'ava';
import { generate } from '../../deploy/demo/generator.ts';
import { countOrderLines } from '../../deploy/demo/world.ts';

const large = generate({ seed: 7, lines: 20_000, spanMs: 6 * 86_400_000 });
const orders = large.events.filter(event => event.kind === 'order');
const lines = orders.flatMap(order => order.lines);
const share = (some: number, all: number): number => some / all;
const near = (value: number, wanted: number, by = 0.03): boolean => Math.abs(value - wanted) <= by;

test('the same seed gives the same world, another seed another', t => {
  t.deepEqual(generate({ seed: 5 }), generate({ seed: 5 }));
  t.notDeepEqual(generate({ seed: 5 }).events, generate({ seed: 6 }).events);
});

test('by default 400 SKUs and 800 lines within two days, in order of time', t => {
  const { events, stock } = generate({ seed: 1 });
  t.is(stock.size, 400);
  t.is(countOrderLines(events), 800);
  t.true(events.every((event, n) => n === 0 || event.atMs >= events[n - 1]!.atMs));
  t.true(events.at(-1)!.atMs - events[0]!.atMs <= 2 * 86_400_000);
  t.is(new Set(events.filter(e => e.kind === 'order').map(e => e.orderId)).size, events.filter(e => e.kind === 'order').length);
});

test('accounts share the orders 45, 20, 20, 8 and 7', t => {
  for (const [account, wanted] of Object.entries({ amazon: 0.45, walmart: 0.2, shopify: 0.2, mercadolibre: 0.08, ebay: 0.07 })) {
    t.true(near(share(orders.filter(order => order.account === account).length, orders.length), wanted), account);
  }
});

test('most orders are small and some are large, most lines are one unit and some are many', t => {
  const sizes = orders.map(order => order.lines.length);
  t.true(near(share(sizes.filter(size => size === 1).length, sizes.length), 0.66));
  t.true(Math.max(...sizes) > 15 && Math.max(...sizes) <= 30);
  t.true(near(share(lines.filter(line => line.units === 1).length, lines.length), 0.67));
  t.true(Math.max(...lines.map(line => line.units)) > 30);
  t.true(orders.some(order => new Set(order.lines.map(line => line.sku)).size < order.lines.length), 'a SKU stands twice somewhere');
});

test('popularity falls by Zipf', t => {
  const counts = new Map<string, number>();
  for (const { sku } of lines) counts.set(sku, (counts.get(sku) ?? 0) + 1);
  const ranked = [...counts.values()].sort((a, b) => b - a);
  t.true(near(share(ranked[0]!, lines.length), 0.1));
  t.true(near(share(ranked.slice(0, 10).reduce((a, b) => a + b), lines.length), 0.35, 0.07));
});

test('evenings are busier than nights and bursts busier than both', t => {
  const hours = Array<number>(24).fill(0);
  for (const { atMs } of orders) hours[new Date(atMs).getUTCHours()]! += 1;
  t.true(hours[20]! > 3 * hours[3]!);
  const windowMs = 6 * 86_400_000 / 60;
  const burstiest = Math.max(...orders.map(first => orders.filter(o => o.lines[0]!.sku === first.lines[0]!.sku && o.atMs >= first.atMs && o.atMs < first.atMs + windowMs).length));
  t.true(burstiest >= 10, `${burstiest} orders of one SKU within a burst`);
});

test('some orders are cancelled after they were placed, for no more than they held', t => {
  const cancels = large.events.filter(event => event.kind === 'cancel');
  t.true(near(share(cancels.length, orders.length), 0.04, 0.01));
  const byId = new Map(orders.map(order => [order.orderId, order]));
  for (const cancel of cancels) {
    const order = byId.get(cancel.refOrderId)!;
    t.true(cancel.atMs > order.atMs && cancel.account === order.account);
    for (const line of cancel.lines) t.true(order.lines.some(other => other.line === line.line && other.sku === line.sku && other.units >= line.units));
  }
});

test('adjustments come one for sixty lines, and returns without an order beside them', t => {
  const adjusts = large.events.filter(event => event.kind === 'adjust');
  t.is(adjusts.filter(adjust => adjust.reason !== 'return').length, Math.round(20_000 / 60));
  t.true(adjusts.some(adjust => adjust.reason === 'return'));
  t.true(adjusts.every(adjust => adjust.delta !== 0));
});

test('stock classes: some SKUs have none, some too little, some exactly enough, most plenty', t => {
  const sold = new Map<string, number>();
  for (const { sku, units } of lines) sold.set(sku, (sold.get(sku) ?? 0) + units);
  const stock = [...large.stock];
  t.true(near(share(stock.filter(([, quantity]) => quantity === 0).length, stock.length), 0.05));
  t.true(near(share(stock.filter(([sku, quantity]) => quantity > 0 && quantity < 0.9 * (sold.get(sku) ?? 0)).length, stock.length), 0.25, 0.06));
  t.true(near(share(stock.filter(([sku, quantity]) => quantity > 1.4 * (sold.get(sku) ?? 0)).length, stock.length), 0.55, 0.06));
});

test('a catalogue of two still makes orders', t => {
  t.is(countOrderLines(generate({ seed: 1, skus: 2, lines: 50 }).events), 50);
});
