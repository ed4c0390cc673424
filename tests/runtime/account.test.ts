/** Owners of channel accounts on a real server, against sandbox marketplaces. */
import anyTest from 'ava';
import type { TestFn } from 'ava';
import type { ChannelAdapter } from '../../actors/channel/adapter.ts';
import { createEbaySandbox, ebaySandbox } from '../../deploy/sandbox/ebay.ts';
import type { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import type { SandboxVendor } from '../../deploy/sandbox/kit/server.ts';
import { standIn } from '../../runtime/account/gate.ts';
import { eventually, ground, Shop } from './account-world.ts';
import type { Ground } from './account-world.ts';

const test = anyTest as TestFn<{ ground: Ground }>;
let shared: Ground;

test.before(async () => { shared = await ground(); });
test.after.always(async () => { await shared?.close(); });

const fast = { perSecond: 200, burst: 200 };
const ebayLimits = { inventory: fast, fulfillment: fast, analytics: fast, trading: fast };

test.serial('what is counted is written, proven and told', async t => {
  const shop = await Shop.open(t, shared, { account: 'ebay-plain', channel: 'ebay', vendor: ebaySandbox, opening: { A: 3, B: 0 }, limits: ebayLimits });
  const owner = await shop.own(t);
  t.deepEqual(await shop.command('import'), { ok: true, linked: 2 });
  await shop.count('A', 7);
  await shop.count('B', 0);
  await eventually(t, 'both proven', async () => [await shop.isProven('A', 7), await shop.isProven('B', 0)], seen => seen.every(Boolean));
  const { pending, blocked, overdue, drifted, ambiguous, throttled } = owner.figures();
  t.deepEqual({ pending, blocked, overdue, drifted, ambiguous, throttled }, { pending: 0, blocked: 0, overdue: 0, drifted: 0, ambiguous: 0, throttled: 0 });
  t.deepEqual(await shop.dead(), []);
});

test.serial('what was written is in the record a second later; polls that found nothing are stored more seldom', async t => {
  const shop = await Shop.open(t, shared, { account: 'ebay-kept', channel: 'ebay', vendor: ebaySandbox, opening: { A: 3 }, limits: ebayLimits });
  await shop.own(t);
  await shop.command('import');
  await shop.count('A', 7);
  await eventually(t, 'kept', () => shop.record(), record => record?.counts.writes === 1);
  const stored = new Map<number, number>();
  for (const until = performance.now() + 3_500; performance.now() < until;) {
    const { at, counts } = (await shop.record())!;
    stored.set(at, counts.calls);
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  t.true(stored.size <= 3, `${stored.size} times`);
  await eventually(t, 'polls went on, and are kept', () => shop.record(), record => record!.counts.calls > Math.max(...stored.values()));
});

test.serial('an answer that never came is counted, told as ambiguous, and healed', async t => {
  const shop = await Shop.open(t, shared, { account: 'ebay-lost', channel: 'ebay', vendor: ebaySandbox, opening: { A: 3 }, limits: ebayLimits });
  const owner = await shop.own(t);
  await shop.command('import');
  shop.sandbox.shop.faults.add({ kind: 'lose-answer', on: 'write', count: 1 });
  await shop.count('A', 7);
  await eventually(t, 'proven', () => shop.isProven('A', 7));
  t.is(owner.figures()['ambiguous'], 1);
  const attempts = await eventually(t, 'told', () => shop.attempts('A'), seen => seen.some(({ op }) => op === 'read'));
  t.deepEqual(attempts.filter(({ op }) => op === 'write').map(({ outcome, attempt }) => [outcome.kind, attempt]), [['AmbiguousError', 0], ['accepted', 1]]);
  t.is(new Set(attempts.map(({ signature }) => signature)).size, 1, 'one job from beginning to end');
  t.deepEqual(await shop.alerts(), []);
});

test.serial('the deadline of a call ends with it', async t => {
  const signals: AbortSignal[] = [];
  const noting = (adapter: ChannelAdapter): ChannelAdapter => standIn(adapter, {
    write: (entries, call) => { signals.push(call.signal); return adapter.write(entries, call); },
    read: (listings, call) => { signals.push(call.signal); return adapter.read(listings, call); },
  });
  const shop = await Shop.open(t, shared, { account: 'ebay-deadline', channel: 'ebay', vendor: ebaySandbox, opening: { A: 3 }, limits: ebayLimits, times: { callMs: 700, maxProofAgeMs: 600_000 }, around: noting });
  await shop.own(t);
  await shop.command('import');
  await shop.count('A', 7);
  await eventually(t, 'proven', () => shop.isProven('A', 7));
  const made = [...signals];
  await new Promise(resolve => setTimeout(resolve, 900));
  t.true(made.length >= 2);
  t.deepEqual(made.filter(({ aborted }) => aborted), []);
});

test.serial('a day that another program has used up is asked for, and nothing is sent until it is over', async t => {
  let useUp = (): void => {};
  const vendor = (options: { account: string; clock: SandboxClock }): SandboxVendor => {
    const made = createEbaySandbox({ ...options, offers: 1, outOfStockControl: true, entriesMax: 25, itemParts: false, auctions: false, payMs: 10_000 });
    useUp = () => made.useUp('inventory');
    return made;
  };
  const shop = await Shop.open(t, shared, { account: 'ebay-day', channel: 'ebay', vendor, opening: { A: 3 }, limits: ebayLimits, scale: 10 });
  const owner = await shop.own(t);
  await shop.command('import');
  await shop.count('A', 3);
  await eventually(t, 'proven', () => shop.isProven('A', 3));
  useUp();
  await shop.count('A', 7);
  const inventory = (): { leftToday?: number } => (owner.figures()['budgets'] as Record<string, { leftToday?: number }>)['inventory']!;
  await eventually(t, 'the end of the day is known', inventory, ({ leftToday }) => leftToday === 0);
  const { 'calls.write': writes, 'calls.read': reads } = shop.sandbox.shop.counts;
  await new Promise(resolve => setTimeout(resolve, 500));
  t.deepEqual([shop.sandbox.shop.counts['calls.write'], shop.sandbox.shop.counts['calls.read']], [writes, reads]);
  t.is(owner.figures()['state'], 'serving');
  t.deepEqual(await shop.dead(), []);
});

test.serial('what an account does not allow is told at its import, and is over when it does', async t => {
  let sandbox: { outOfStockControl: boolean } | undefined;
  const vendor = (options: { account: string; clock: SandboxClock }): SandboxVendor => {
    sandbox = { ...options, outOfStockControl: false } as { outOfStockControl: boolean };
    return createEbaySandbox(Object.assign(sandbox, { offers: 1, entriesMax: 25, itemParts: false, auctions: false, payMs: 10_000 }) as Parameters<typeof createEbaySandbox>[0]);
  };
  const shop = await Shop.open(t, shared, { account: 'ebay-ends', channel: 'ebay', vendor, opening: { A: 3 }, limits: ebayLimits });
  await shop.own(t);
  const told = 'off: a listing that reaches 0 ends and loses its id. Switch it on in My eBay, selling preferences';
  t.deepEqual(await shop.command('import'), { ok: true, linked: 1, refused: [{ name: 'out-of-stock control', ok: false, told }] });
  const [task] = await eventually(t, 'people are told', () => shop.dead(), seen => seen.length === 1);
  t.like(task, { class: 'setting', message: `ebay-ends: out-of-stock control: ${told}` });
  sandbox!.outOfStockControl = true;
  t.deepEqual(await shop.command('import'), { ok: true, linked: 1 });
  await eventually(t, 'the task is over', () => shop.dead(), seen => seen.length === 2 && seen[1]!['resolved'] === true);
});

test.serial('being throttled costs no attempt, and nothing is lost by it', async t => {
  const shop = await Shop.open(t, shared, { account: 'ebay-storm', channel: 'ebay', vendor: ebaySandbox, opening: { A: 3, B: 4 }, limits: ebayLimits });
  const owner = await shop.own(t);
  await shop.command('import');
  shop.sandbox.shop.faults.add({ kind: 'throttle', on: 'any', forMs: 1_500 });
  await shop.count('A', 7);
  await eventually(t, 'throttled', () => owner.figures()['throttled'] as number, seen => seen >= 2);
  await shop.count('A', 6);
  await shop.count('B', 9);
  await eventually(t, 'both proven', async () => [await shop.isProven('A', 6), await shop.isProven('B', 9)], seen => seen.every(Boolean));
  const tries = [...await shop.attempts('A'), ...await shop.attempts('B')];
  t.true(tries.some(({ outcome }) => outcome.kind === 'ThrottledError'));
  t.deepEqual([...new Set(tries.map(({ attempt }) => attempt))], [0]);
  t.deepEqual(await shop.dead(), []);
});

test.serial('a dead grant makes one task; its jobs wait and go when it lives again', async t => {
  const shop = await Shop.open(t, shared, { account: 'ebay-grant', channel: 'ebay', vendor: ebaySandbox, opening: { A: 3, B: 4, C: 5 }, limits: ebayLimits });
  const owner = await shop.own(t);
  await shop.command('import');
  await shop.count('A', 3);
  await eventually(t, 'proven', () => shop.isProven('A', 3));
  shop.sandbox.shop.faults.add({ kind: 'revoke', forMs: 1_500 });
  shop.vendor.expireTokens();
  await shop.count('A', 7);
  await shop.count('B', 8);
  await shop.count('C', 9);
  await eventually(t, 'unauthorised', () => owner.figures()['state'], seen => seen === 'unauthorised');
  await eventually(t, 'all proven', async () => [await shop.isProven('A', 7), await shop.isProven('B', 8), await shop.isProven('C', 9)], seen => seen.every(Boolean));
  t.is(owner.figures()['state'], 'serving');
  const dead = await eventually(t, 'the task is over', () => shop.dead(), seen => seen.length === 2);
  t.like(dead[0], { class: 'auth', account: 'ebay-grant', heals: 'a valid grant for ebay-grant; its jobs wait until then' });
  t.like(dead[1], { id: `${String(dead[0]!['id'])}:resolved`, class: 'auth', resolved: true, how: 'healed', by: 'a call that was answered' });
});

test.serial('a line of a listing that is not linked is told once, and resolved when the listing is linked', async t => {
  const shop = await Shop.open(t, shared, { account: 'ebay-unlinked', channel: 'ebay', vendor: ebaySandbox, opening: { A: 3 }, limits: ebayLimits });
  await shop.own(t);
  shop.sandbox.shop.buy('somebody', [{ sku: shop.sku('A'), units: 2 }]);
  await eventually(t, 'people are told', () => shop.dead(), seen => seen.length === 1);
  await shop.command('import');
  await eventually(t, 'the sale is learnt', async () => Object.keys((await shop.stock('A'))?.lines ?? {}).length, seen => seen === 1);
  const [letter, end] = await eventually(t, 'it is over', () => shop.dead(), seen => seen.length === 2);
  t.like(letter, { class: 'unmapped', sku: shop.sku('A'), units: 2 });
  t.like(end, { id: `${String(letter!['id'])}:resolved`, resolved: true, how: 'healed' });
});

test.serial('a file that would empty the shop is held, shown and dropped; orders go on, and the right counts end it', async t => {
  const names = [...'ABCDEFGHIJ'];
  const shop = await Shop.open(t, shared, { account: 'ebay-bad-file', channel: 'ebay', vendor: ebaySandbox, opening: Object.fromEntries(names.map(name => [name, 0])), limits: ebayLimits });
  const governor = { windowMs: 60_000, zero: { share: 0.2, least: 1 }, raise: { share: 1, least: 100 } };
  const owner = await shop.own(t, { governor });
  await shop.command('import');
  for (const name of names) await shop.count(name, 5);
  await eventually(t, 'all proven', async () => (await Promise.all(names.map(name => shop.isProven(name, 5)))).every(Boolean));

  await Promise.all(names.map(name => shop.count(name, 0)));
  const [task] = await eventually(t, 'people are told', () => shop.dead(), seen => seen.length === 1);
  const zeroed = names.filter(name => shop.shows(name) === 0);
  t.true(zeroed.length <= 2, `${zeroed.length} went to zero`);
  t.like(task, { class: 'governor', account: 'ebay-bad-file' });
  t.regex(task!.message, /^\d+ of 10 listings at ebay-bad-file would go to zero at once, more than 20 % and 1; none of these is written: ebay-bad-file\.[A-J] 5→0, /);
  const { held } = await shop.command('held') as { held: { sku: string; shown: number; would: number }[] };
  t.is(held.length, 10 - zeroed.length);
  t.true(held.every(({ shown, would }) => shown === 5 && would === 0));

  // The next owner holds them too.
  await owner.release();
  const next = await shop.own(t, { governor });
  await eventually(t, 'they are held again', () => next.figures()['held'], seen => seen === held.length);
  const last = names.find(name => !zeroed.includes(name))!;
  shop.sandbox.shop.buy('somebody', [{ sku: shop.sku(last), units: 1 }]);
  await eventually(t, 'the sale is learnt', async () => Object.keys((await shop.stock(last))!.lines).length, seen => seen === 1);
  t.is(shop.shows(last), 4);

  t.deepEqual(await shop.command('drop zero ops'), { ok: true, listings: held.length });
  t.like(next.figures(), { held: 0, blocked: held.length });
  for (const name of names) await shop.count(name, name === last ? 5 : 6);
  await eventually(t, 'the right numbers are shown', async () => (await Promise.all(names.map(name => shop.isProven(name, name === last ? 4 : 6)))).every(Boolean));
  t.deepEqual(names.filter(name => !zeroed.includes(name) && shop.sandbox.shop.ledger.entries.some(entry => entry.sku === shop.sku(name) && entry.kind === 'shown' && entry.quantity === 0 && entry.by === 'write')), []);
  const [, end] = await eventually(t, 'the task is over', () => shop.dead(), seen => seen.length === 2);
  t.like(end, { resolved: true, how: 'dismissed', by: `ops: dropped ${held.length} listings` });
});

test.serial('what was refused for good is tried again when a person says so', async t => {
  let refusals = 0;
  const shop = await Shop.open(t, shared, {
    account: 'ebay-retry', channel: 'ebay', vendor: ebaySandbox, opening: { A: 3 }, limits: ebayLimits,
    around: adapter => ({
      ...adapter,
      needsReading: adapter.needsReading,
      tokenExpiresAt: () => adapter.tokenExpiresAt(),
      read: (...args) => adapter.read(...args), orders: (...args) => adapter.orders(...args), listings: (...args) => adapter.listings(...args),
      write: async (entries, call) => (refusals++ === 0
        ? entries.map(({ signature }) => ({ kind: 'refused' as const, signature, class: 'validation' as const, code: 'X', message: 'policy' }))
        : adapter.write(entries, call)),
    }),
  });
  const owner = await shop.own(t);
  await shop.command('import');
  await shop.count('A', 7);
  await eventually(t, 'refused', () => owner.figures()['blocked'], seen => seen === 1);
  t.deepEqual(await shop.command('retry nobody'), { ok: false, error: 'nothing is pending for "nobody" at ebay-retry' });
  t.deepEqual(await shop.command(`retry ${shop.sku('A')}`), { ok: true, message: `ebay-retry tries ${shop.sku('A')} again` });
  await eventually(t, 'proven', () => shop.isProven('A', 7));
});

test.serial('a drained account shows nothing, the riskiest first, whatever is counted; it is filled again when it is resumed', async t => {
  const shop = await Shop.open(t, shared, {
    account: 'ebay-drain', channel: 'ebay', vendor: ebaySandbox, opening: { A: 0, B: 0, C: 0 }, limits: { ...ebayLimits },
  });
  // No governor may hold what a person asks for.
  const owner = await shop.own(t, { governor: { windowMs: 60_000, zero: { share: 0, least: 0 }, raise: { share: 0, least: 0 } } });
  await shop.command('import');
  for (const [name, units] of [['A', 9], ['B', 2], ['C', 5]] as const) await shop.count(name, units);
  await eventually(t, 'proven', async () => [await shop.isProven('A', 9), await shop.isProven('B', 2), await shop.isProven('C', 5)], seen => seen.every(Boolean));
  const answer = await shop.command('drain ops');
  t.like(answer, { ok: true, state: 'serving', listings: 3 });
  t.true((answer['etaMs'] as number) >= 0);
  await eventually(t, 'empty', async () => [await shop.isProven('A', 0), await shop.isProven('B', 0), await shop.isProven('C', 0)], seen => seen.every(Boolean));
  t.is(owner.figures()['drained'], 3);
  t.deepEqual(await shop.drains(), ['B', 'C', 'A']);
  t.like(await shop.command('drain ops'), { listings: 0 }, 'told again, nothing is left to tell');
  await shop.count('A', 20);
  await eventually(t, 'the count is known', async () => (await shop.stock('A'))!.onHand, seen => seen === 20);
  t.is(shop.shows('A'), 0);
  t.like(await shop.command('resume ops'), { listings: 3 });
  await eventually(t, 'filled', async () => [await shop.isProven('A', 20), await shop.isProven('B', 2), await shop.isProven('C', 5)], seen => seen.every(Boolean));
  t.deepEqual((await shop.control()).map(({ op, by, listings }) => ({ op, by, listings })), [
    { op: 'drain', by: 'ops', listings: 3 }, { op: 'drain', by: 'ops', listings: 0 }, { op: 'resume', by: 'ops', listings: 3 },
  ]);
});

test.serial('a frozen account writes nothing, goes on reading and learning orders, and writes when it is resumed', async t => {
  const shop = await Shop.open(t, shared, { account: 'ebay-frozen', channel: 'ebay', vendor: ebaySandbox, opening: { A: 3, B: 5 }, limits: ebayLimits, times: { maxProofAgeMs: 300 } });
  const owner = await shop.own(t);
  await shop.command('import');
  await shop.count('A', 3);
  await shop.count('B', 5);
  await eventually(t, 'proven', async () => [await shop.isProven('A', 3), await shop.isProven('B', 5)], seen => seen.every(Boolean));
  t.deepEqual(await shop.command('freeze'), { ok: true, state: 'frozen' });
  const { writes } = owner.figures();
  const reads = owner.figures()['reads'] as number;
  await shop.count('A', 9);
  shop.sandbox.shop.buy('somebody', [{ sku: shop.sku('B'), units: 2 }]);
  await eventually(t, 'the sale is learnt', async () => Object.keys((await shop.stock('B'))!.lines).length, seen => seen === 1);
  await eventually(t, 'reads go on', () => owner.figures()['reads'] as number, seen => seen >= reads + 5);
  t.deepEqual([owner.figures()['writes'], shop.writesOf('A'), shop.shows('A')], [writes, 0, 3]);
  t.like(await shop.command('resume'), { ok: true, state: 'serving', listings: 0 });
  await eventually(t, 'written', () => shop.isProven('A', 9));
});

test.serial('one bad entry of a batch is dead-lettered alone, once; the rest goes on', async t => {
  const names = ['A', 'B', 'C', 'D', 'E', 'F'];
  const shop = await Shop.open(t, shared, { account: 'ebay-batch', channel: 'ebay', vendor: ebaySandbox, opening: Object.fromEntries(names.map(name => [name, 1])), limits: ebayLimits });
  const owner = await shop.own(t);
  await shop.command('import');
  await shop.command('freeze');
  for (const name of names) await shop.count(name, 7);
  await eventually(t, 'all pending', () => owner.pending, seen => seen === 6);
  shop.sandbox.shop.listings.delete(shop.sku('C'));
  await shop.command('resume');
  await eventually(t, 'the others proven', () => Promise.all(['A', 'B', 'D', 'E', 'F'].map(name => shop.isProven(name, 7))), seen => seen.every(Boolean));
  const dead = await eventually(t, 'told', () => shop.dead(), seen => seen.length > 0);
  t.deepEqual(dead.map(({ class: kind, sku }) => ({ kind, sku })), [{ kind: 'listing', sku: shop.sku('C') }]);
  await eventually(t, 'answered', async () => (await shop.outlet('C'))?.answer?.outcome, seen => seen === 'refused');
  const { pending, blocked } = owner.figures();
  t.deepEqual({ pending, blocked }, { pending: 0, blocked: 1 });

  shop.sandbox.shop.addListing(shop.sku('C'), 2);
  await shop.command('import');
  await eventually(t, 'linked again and proven', () => shop.isProven('C', 7));
});

test.serial('a channel that is read one listing a call is swept as its rate allows, not a few calls at a time', async t => {
  const names = Array.from({ length: 300 }, (_, n) => `S${n}`);
  const shop = await Shop.open(t, shared, {
    account: 'ebay-sweep', channel: 'ebay', vendor: ebaySandbox, opening: Object.fromEntries(names.map(name => [name, 5])), limits: ebayLimits, times: { maxProofAgeMs: 400 },
  });
  const owner = await shop.own(t);
  await shop.command('import');
  await Promise.all(names.map(name => shop.count(name, 5)));
  await eventually(t, 'proven', () => owner.figures()['proven'], seen => seen === names.length);
  const before = owner.figures()['reads'] as number;
  // Four calls a quarter of a second would be 240 by then.
  const reads = await eventually(t, 'each was read twice more', () => owner.figures()['reads'] as number, seen => seen >= before + 2 * names.length);
  t.true(reads >= before + 2 * names.length);
});

test.serial('a hand edit becomes a drift alert that names it, is repaired, and is resolved by proof', async t => {
  const shop = await Shop.open(t, shared, { account: 'ebay-edit', channel: 'ebay', vendor: ebaySandbox, opening: { A: 3 }, limits: ebayLimits, times: { maxProofAgeMs: 500 } });
  const owner = await shop.own(t);
  await shop.command('import');
  await shop.count('A', 3);
  await eventually(t, 'proven', () => shop.isProven('A', 3));
  const before = Date.now();
  shop.sandbox.shop.edit(shop.sku('A'), 45);
  const alerts = await eventually(t, 'resolved', () => shop.alerts(), seen => seen.some(({ state }) => state === 'resolved'));
  t.deepEqual(alerts.map(({ state, class: kind, severity, sku, expected, observed }) => ({ state, kind, severity, sku, expected, observed })), ['open', 'repairing', 'resolved'].map(state => (
    { state, kind: 'foreign-edit', severity: 'high', sku: shop.sku('A'), expected: 3, observed: 45 })));
  const [open, repairing, resolved] = alerts;
  t.true(open!.observableAt >= before && open!.detectedAt >= open!.observableAt);
  t.like(open, { unitsAtRisk: 42 });
  t.is(repairing!.repair, resolved!.repair);
  t.is(resolved!.id, open!.id);
  t.is(resolved!.proof?.quantity, 3);
  t.is(shop.shows('A'), 3);
  t.is(resolved!.repair, (await shop.outlet('A'))!.intent!.signature);
  t.is(owner.figures()['drifted'], 0);
});

test.serial('a listing of the watch set is looked at every few seconds, and found to be lower, closed or gone, each told as what it is', async t => {
  const watch = { everyMs: 500, share: 0.5, most: 2 };
  const shop = await Shop.open(t, shared, { account: 'ebay-watch', channel: 'ebay', vendor: ebaySandbox, opening: { A: 1, B: 2, C: 900 }, limits: ebayLimits, times: { maxProofAgeMs: 3_600_000, watch } });
  const owner = await shop.own(t);
  await shop.command('import');
  await Promise.all([['A', 1], ['B', 2], ['C', 900]].map(([name, quantity]) => shop.count(name as string, quantity as number)));
  await eventually(t, 'proven', () => owner.figures()['proven'], seen => seen === 3);
  const { shop: channel } = shop.sandbox;
  channel.edit(shop.sku('C'), 800);
  channel.edit(shop.sku('A'), 0);
  const told = (state: string, name: string) => async (): Promise<boolean> => (await shop.alerts()).some(alert => alert.state === state && alert.sku === shop.sku(name));
  await eventually(t, 'A is right again', told('resolved', 'A'));
  t.is(shop.shows('C'), 800, 'C is none of the two riskiest, and its proof is young');
  channel.setActive(shop.sku('B'), false);
  await eventually(t, 'B is closed', told('open', 'B'));
  channel.setActive(shop.sku('B'), true);
  await eventually(t, 'B is open again', told('resolved', 'B'));
  const gone = channel.listings.get(shop.sku('A'))!;
  channel.listings.delete(shop.sku('A'));
  await eventually(t, 'A is gone', told('task', 'A'));
  await eventually(t, 'people are told', () => shop.dead(), seen => seen.length === 1);
  channel.listings.set(shop.sku('A'), gone);
  await eventually(t, 'A is back', async () => (await shop.dead()).length, seen => seen === 2);
  // While A is gone C is one of the two, and may be found as well.
  t.deepEqual((await shop.alerts()).filter(({ state, sku }) => (state === 'open' || state === 'task') && sku !== shop.sku('C')).map(({ sku, class: kind, severity, unitsAtRisk }) => ({ sku, kind, severity, unitsAtRisk })), [
    { sku: shop.sku('A'), kind: 'foreign-edit', severity: 'high', unitsAtRisk: 0 },
    { sku: shop.sku('B'), kind: 'frozen-listing', severity: 'high', unitsAtRisk: 0 },
    { sku: shop.sku('A'), kind: 'missing-listing', severity: 'low', unitsAtRisk: 0 },
  ]);
  t.like((await shop.dead())[1], { class: 'listing', resolved: true, by: 'a read that shows the listing' });
});

test.serial('a promise that is about to be broken is told before it is, and once more when it is kept again', async t => {
  const shop = await Shop.open(t, shared, { account: 'ebay-late', channel: 'ebay', vendor: ebaySandbox, opening: { A: 3 }, limits: ebayLimits });
  await shop.own(t, { promises: { provenMs: 600_000, ordersMs: 5_000, early: 0.8 } });
  await shop.command('import');
  const { shop: channel } = shop.sandbox;
  channel.faults.add({ kind: 'throttle', on: 'orders', forMs: 3_600_000 });
  const progress = async (): Promise<{ what: string; state: string; measured: number }[]> => (await shop.alerts()).filter(alert => (alert.class as string) === 'progress') as never;
  const [late] = await eventually(t, 'people are told', progress, seen => seen.length === 1, 20_000);
  t.like(late, { what: 'orders', state: 'open' });
  t.true(late!.measured > 4_000);
  channel.faults.clear();
  const [, again] = await eventually(t, 'and that it is over', progress, seen => seen.length === 2, 20_000);
  t.like(again, { what: 'orders', state: 'resolved' });
});
