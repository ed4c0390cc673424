/** What people ask about the way of an account to being written: its stage, what it lacks, and going live in slices. */
import { checkAccount } from './checks.ts';
import { comparePage, comparisonOf, totalsBySlice, totalsOf } from './compare.ts';
import type { Comparison } from './compare.ts';
import type { Desk } from './ports.ts';
import { sliceOf, widened } from './stage.ts';
import type { Slice } from './stage.ts';

/** Something that an account must have before it goes live, and how to get it. */
export interface Requirement { name: string; ok: boolean; told: string }

/** Listings of the diff in one entry of the journal. */
const batchMost = 1_000;

/** @returns undefined for a command that is none of these. @throws {Error} for what cannot be done, in words for people */
export async function obeyGolive(desk: Desk, command: string, pay: () => Promise<void>): Promise<object | undefined> {
  if (command === 'stage') return { ok: true, ...stageOf(desk) };
  if (command === 'look') return { ok: true, look: desk.look() };
  const page = /^compare( \{.*\})?$/.exec(command);
  if (page) {
    const { totals = false, ...asked } = JSON.parse(page[1] ?? '{}') as { totals?: boolean; from?: number; most?: number; differing?: boolean };
    return { ok: true, ...comparePage(desk, asked), ...(totals && totalsBySlice(desk)) };
  }
  const back = /^stage (connect|shadow) (.+)$/.exec(command);
  if (back) return leave(desk, back[1] as 'connect' | 'shadow', back[2]!);
  const check = /^golive check (\{.*\})$/.exec(command);
  if (check) {
    const target = targetOf(desk, sliceOf(JSON.parse(check[1]!)));
    return { ok: true, slice: target ?? null, requirements: await requirements(desk, target, pay), ...totalsOf(goingLive(desk, target)) };
  }
  const golive = /^golive (\{.*\}) (.+)$/.exec(command);
  return golive ? goLive(desk, sliceOf(JSON.parse(golive[1]!)), golive[2]!, pay) : undefined;
}

export function stageOf({ ports: { account, adapter, stage: configured }, stage, pairs, pending, walked }: Desk): Record<string, unknown> {
  const live = [...pairs.values()].filter(pair => !pair.shadow).length;
  return {
    account, channel: adapter.channel, stage: stage.name, configured, ...(stage.slice && { slice: stage.slice }), ...stage.decided,
    listings: pairs.size, live, muted: pending.figures(Date.now()).muted, look: walked(),
  };
}

/** Nothing is written any more from here on. */
async function leave(desk: Desk, to: 'connect' | 'shadow', by: string): Promise<object> {
  const { stage, journal } = desk;
  const from = stage.name;
  await stage.decide(to, undefined, by);
  desk.recast();
  await journal.recorded(to, by, { from });
  return { ok: true, ...stageOf(desk) };
}

/** What would be live: what is asked for, and what is already. */
function targetOf({ stage, ports: { account, brandOf }, pairs }: Desk, slice: Slice | undefined): Slice | undefined {
  if (stage.name === 'live' && stage.slice === undefined) throw new Error(`${account} is live already, all of it`);
  for (const sku of slice?.skus ?? []) if (!pairs.has(sku)) throw new Error(`slice.skus: ${JSON.stringify(sku)} has no listing at ${account}`);
  if (slice?.brands) {
    const known = new Set([...pairs.values()].flatMap(({ sku }) => brandOf?.(sku) ?? []));
    const unknown = slice.brands.find(brand => !known.has(brand));
    if (unknown !== undefined) throw new Error(`slice.brands: no listing of ${account} is of brand ${JSON.stringify(unknown)}; ${known.size === 0 ? 'the file of prices in the configuration has no column brand, or names none of its SKUs' : `there are ${[...known].sort().slice(0, 20).join(', ')}`}`);
  }
  return slice && widened(stage.name === 'live' ? stage.slice : undefined, slice);
}

function* goingLive(desk: Desk, target: Slice | undefined): Generator<Comparison> {
  const now = Date.now();
  for (const pair of desk.pairs.values()) if (pair.shadow && (!target || desk.stage.isWithin(target, pair.sku))) yield comparisonOf(desk, pair, now);
}

async function goLive(desk: Desk, slice: Slice | undefined, by: string, pay: () => Promise<void>): Promise<object> {
  const { stage, journal, ports: { account, log } } = desk;
  const target = targetOf(desk, slice);
  const missing = (await requirements(desk, target, pay)).filter(({ ok }) => !ok);
  if (missing.length > 0) return { ok: false, error: `not ready: ${missing.map(({ name, told }) => `${name}: ${told}`).join('; ')}`, missing };
  const rows = [...goingLive(desk, target)];
  const totals = totalsOf(rows);
  const at = Date.now();
  for (let n = 0; n === 0 || n < rows.length; n += batchMost) {
    await journal.recorded('golive', by, { slice: target ?? null, at, of: rows.length, totals, batch: rows.slice(n, n + batchMost).map(({ sku, shows, would, verdict, because }) => ({ sku, shows, would, verdict, because })) });
  }
  await stage.decide('live', target, by);
  desk.recast();
  log.warn({ account, by, slice: target, listings: rows.length, low: totals.low, high: totals.high }, 'account goes live');
  return { ok: true, ...stageOf(desk), goesLive: rows.length, totals };
}

/** All of them, met or not. */
async function requirements(desk: Desk, target: Slice | undefined, pay: () => Promise<void>): Promise<Requirement[]> {
  const { ports: { account, adapter, promises, now }, stage, pairs, health } = desk;
  const rows = [...goingLive(desk, target)];
  const isBehind = (now?.() ?? Date.now()) - desk.ordersCompleteThrough() > promises.ordersMs;
  const unread = rows.filter(({ shows, would }) => shows === null && would !== null);
  const counted = rows.filter(({ would }) => would !== null);
  const refused = adapter.checks && health.mayRead ? await checkAccount(desk, pay) : [];
  return [
    { name: 'shadow', ok: stage.name !== 'connect', told: stage.name === 'connect' ? `nothing was compared yet: plumb shadow start ${account}` : 'it runs in shadow' },
    { name: 'grant', ok: health.state !== 'unauthorised', told: health.state === 'unauthorised' ? `the channel refuses the credentials: ${health.context.reason ?? 'no reason given'}` : 'the channel answers' },
    { name: 'listings', ok: pairs.size > 0, told: pairs.size > 0 ? `${pairs.size} are linked` : `none is linked: plumb listings import ${account}` },
    { name: 'slice', ok: rows.length > 0, told: rows.length > 0 ? `${rows.length} listings go live` : 'no listing would go live' },
    { name: 'counts', ok: counted.length > 0, told: counted.length > 0 ? `${counted.length} of ${rows.length} have a number` : 'no SKU of these was ever counted: look at its source' },
    { name: 'readings', ok: unread.length === 0, told: unread.length === 0 ? 'all were read' : `${unread.length} were never read, such as ${unread[0]!.sku}: plumb reconcile report ${account} --read` },
    { name: 'orders', ok: !isBehind && !desk.isRetelling(), told: isBehind || desk.isRetelling() ? `orders are not known up to now: plumb inspect channel ${account}` : 'orders are known' },
    ...(adapter.checks ? [{ name: 'settings', ok: refused.length === 0, told: refused.length === 0 ? 'the account allows what is needed' : refused.map(({ name, told }) => `${name}: ${told}`).join('; ') }] : []),
  ];
}
