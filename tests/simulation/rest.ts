/** What holds in the end, when faults are over and everything was heard: the referee's checks, quiet, and no leak. */
import { judge } from '../../deploy/demo/referee.ts';
import type { Evidence, Verdict } from '../../deploy/demo/referee.ts';
import { statement } from '../../deploy/demo/records.ts';
import { replay } from '../../deploy/demo/replay.ts';
import type { Shop } from '../../deploy/sandbox/kit/shop.ts';
import { unpackStock } from '../../actors/sku/packing.ts';
import type { PackedStock } from '../../actors/sku/packing.ts';
import type { Stock } from '../../actors/sku/protocol.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { skuRecordSubject } from '../../runtime/subjects.ts';
import type { Stored } from './broker/stream.ts';
import { slowestOfOld, termsOf } from './marketplace.ts';
import { opensAt } from './plan.ts';
import type { Plan } from './plan.ts';
import type { World } from './world.ts';
import type { Watch } from './check.ts';
import { oversold, seenBefore } from './oversold.ts';
import type { Oversold } from './oversold.ts';

/** How old a number may be that a channel shows while nothing disturbs it: the slowest order list, the slowest write, and what polls, reads and calls take. */
function staleMsOf({ slowest = slowestOfOld }: Plan): number {
  return slowest.orderLagMs + slowest.applyMs + 20_000;
}

export interface Standpoint { verdict: Verdict; oversold: Oversold }

/** What the referee is shown. */
function evidenceOf({ marketplaces, erp, broker, machine, hits, plan }: World): Evidence {
  const staleMs = staleMsOf(plan);
  const records = broker.streams.get('KV_sku')!;
  const openedAt = machine.wall - machine.now + opensAt;
  return {
    accounts: Object.fromEntries(Object.values(marketplaces).map(({ account, shop }) => [account, {
      ledger: shop.ledger.entries, buffer: 0, staleMs,
      listings: [...shop.listings.values()].map(listing => ({ sku: listing.sku, buyable: shop.buyable(listing) })),
    }])),
    supply: erp.supply,
    records: [...records.all()].filter(({ subject, data }) => !subject.includes('._') && data.length > 0)
      .map(message => statement(stockOf(message))),
    // Until the doors open, channels show what an earlier tool left.
    faults: [...hits, { account: '*', from: 0, to: openedAt }],
    from: openedAt,
  };
}

/** What the referee says, and what was oversold so far. */
export function verdictOf(world: World): Standpoint {
  const { marketplaces, meddled, plan } = world;
  const evidence = evidenceOf(world);
  const openedAt = evidence.from;
  const ledgers = Object.fromEntries(Object.values(marketplaces).map(({ account, shop }) => [account, shop.ledger.entries]));
  const moments = replay(ledgers, evidence.supply);
  const isMeddled = (account: string, sku: string, at: number): boolean => {
    const key = `${account}/${sku}`;
    const since = meddled.get(key);
    // What is written first may be carried out a little after the doors open; and long after, where the channel swallows it.
    const isLeft = at < (world.writtenAt.get(key) ?? Infinity) && (at < openedAt + termsOf(marketplaces[account]!.kind, plan.slowest ?? slowestOfOld).applyMs || world.swallowed.has(key));
    return isLeft || (since !== undefined && since <= at);
  };
  return { verdict: judge(evidence), oversold: oversold(moments, staleMsOf(plan), evidence.faults, isMeddled, seenBefore(ledgers)) };
}

/** Records are looked at again and again, and most have not changed meanwhile. */
const unpacked = new WeakMap<Stored, Stock>();

function stockOf(record: Stored): Stock {
  const known = unpacked.get(record);
  if (known) return known;
  const stock = unpackStock((JSON.parse(record.data.toString()) as ActorRecord<PackedStock>).context);
  unpacked.set(record, stock);
  return stock;
}

/** What is not as it should be in the end, in words. */
export function unsettled(world: World, watch: Watch): string[] {
  const { checks, figures: { unequal, lostLines, strayLines, wrongLines, lostErp, unproven } } = judge(evidenceOf(world));
  const isEscrow = world.plan.mode === 'escrow';
  return [
    ...checks.filter(({ name, ok }) => !ok && name !== oversoldOutside && !(isEscrow && ofMirror.has(name))).map(({ name, value }) => `${name}: ${value}`),
    ...(isEscrow ? [...tooMuch(world, watch), ...unshipped(world, watch)] : unequal.map(({ account, sku, shown, target }) => `${account} shows ${shown} of ${sku}, not ${target}`)),
    ...[...lostLines, ...strayLines, ...wrongLines].map(line => `line ${line}`), ...lostErp.map(sku => `ERP on ${sku}`), ...isEscrow ? [] : unproven.map(pair => `${pair} is not proven`),
    ...watch.unserved(), ...watch.behind(Infinity),
  ];
}

/** Tells what is unsettled, again and again: only what has changed is judged anew. */
export function settling(world: World, watch: Watch): () => string[] {
  let judged: string | undefined;
  let left: string[] = [];
  return () => {
    const { marketplaces, erp, broker, person } = world;
    const under = Object.values(marketplaces).filter(({ underWay }) => underWay > 0).map(({ account, underWay }) => `${underWay} writes are on their way to ${account}`);
    const held = Object.keys(marketplaces).flatMap(account => [...person?.held(account) ?? []].map(move => `${account} holds each ${move} until somebody decides`));
    const unserved = [...watch.unserved(), ...watch.behind(Infinity), ...under, ...held];
    if (unserved.length > 0) return unserved;
    const evidence = JSON.stringify([
      broker.streams.get('KV_sku')!.lastSeq, erp.acknowledged.size,
      ...Object.values(marketplaces).map(({ shop: { ledger, orders } }) => [ledger.entries.length, [...orders.values()].at(-1)?.updatedAt]),
    ]);
    if (evidence === judged) return left;
    judged = evidence;
    // The referee goes through all that ever happened.
    left = world.plan.mode === 'escrow' ? tooMuch(world, watch) : [];
    if (left.length === 0) left = unsettled(world, watch);
    return left;
  };
}

/** In escrow channels together show no more than exists, and each has a right to exactly what it shows (I7), and nothing is waited for. */
function tooMuch({ plan, marketplaces, erp, broker }: World, { isTorn }: Watch): string[] {
  const shops = Object.values(marketplaces);
  const supply = new Map(erp.supply.map(book => [book.sku, book.supply]));
  const sold = new Map<string, number>();
  for (const { shop } of shops) for (const { lines } of shop.orders.values()) for (const { sku, units, cancelled } of lines) sold.set(sku, (sold.get(sku) ?? 0) + units - cancelled);
  return plan.skus.flatMap(({ sku }) => {
    const shown = shops.map(({ account, shop }) => [account, shop.buyable(shop.listings.get(sku)!)] as const);
    const left = (supply.get(sku) ?? 0) - (sold.get(sku) ?? 0);
    /** Orders of before a loss may be closed by permissions that are forgotten, or by ones that nobody has heard: their units stay in rights until they are (P12). */
    const mayClose = (account: string): number => {
      const { shop } = marketplaces[account]!;
      if (!isTorn || !shop.gross) return 0;
      const { permittedTo = -Infinity } = cells?.[account] ?? {};
      return openUnits(shop, sku, (id, createdAt) => createdAt <= permittedTo || exposure?.ship?.[`${account}/${id}`] === 'permitted');
    };
    const isRight = (account: string, units: number): boolean => {
      const rights = cells?.[account]?.rights ?? -1;
      return rights >= units && rights <= units + mayClose(account);
    };
    const all = shown.reduce((sum, [, units]) => sum + units, 0);
    const record = broker.streams.get('KV_sku')!.last(skuRecordSubject(sku));
    const exposure = record && stockOf(record).exposure;
    const cells = exposure?.cells;
    return [
      ...(all > Math.max(0, left) ? [`${all} of ${sku} are on sale, and ${left} are left: ${shown.map(pair => pair.join(' ')).join(', ')}`] : []),
      ...Object.entries(cells ?? {}).filter(([, { intent }]) => intent !== undefined).map(([account]) => `a write of ${sku} to ${account} is in doubt`),
      // A clock that was ahead asks for readings of a time that is yet to come.
      ...Object.entries(cells ?? {}).filter(([, { ask }]) => ask !== undefined).map(([account]) => `${account} is to be read for ${sku}`),
      ...Object.entries(cells ?? {}).filter(([, { wants }]) => wants !== undefined).map(([account]) => `${sku} waits for the orders of ${account}`),
      ...Object.entries(cells ?? {}).filter(([, { counter }]) => counter > 0).map(([account, { counter }]) => `${counter} of ${sku} are counted as sold at ${account}, and in no order`),
      ...shown.filter(pair => !isRight(...pair)).map(([account, units]) => `${account} shows ${units} of ${sku} and has a right to ${cells?.[account]?.rights}`),
    ];
  });
}

/** What a warehouse has packed is permitted, and closed (P10). */
function unshipped({ marketplaces, packed }: World, { isTorn }: Watch): string[] {
  if (isTorn) return [];
  return [...packed].filter(id => {
    const [account, orderId, number] = id.split('/') as [string, string, string];
    const { units, cancelled, shipped } = marketplaces[account]!.shop.orders.get(orderId)!.lines.find(({ line }) => line === number)!;
    return cancelled + shipped < units;
  }).map(id => `${id} is packed, and not closed`);
}

/** @param counts of which orders, by `<order>/<line>` and when they were made */
function openUnits({ orders }: Shop, sku: string, counts: (id: string, createdAt: number) => boolean): number {
  let open = 0;
  for (const { orderId, createdAt, lines } of orders.values()) {
    for (const { line, sku: of, units, cancelled, shipped } of lines) if (of === sku && counts(`${orderId}/${line}`, createdAt)) open += Math.max(0, units - cancelled - shipped);
  }
  return open;
}

/** Judged here by rules of our own. */
const ofMirror: ReadonlySet<string> = new Set(['every listing equal to its target', 'every intention proven']);
const oversoldOutside = 'units oversold outside the rule';

/** Every message of the ERP reached a SKU or a dead letter, and every effect that a record asked for was performed. */
export function checkComplete(world: World, watch: Watch): void {
  if (watch.isTorn) return;
  const idsOf = (stream: string): ReadonlySet<string> => watch.ids.get(stream) ?? new Set();
  for (const { seq, at } of world.broker.streams.get('INGEST')!.all()) {
    const isDead = [...idsOf('DEAD')].some(id => id.startsWith('dead:') && id.endsWith(`:erp:${seq}.${at}`));
    if (!isDead && !idsOf('SKU').has(`in:erp:${seq}.${at}`)) watch.blame('lost', `message ${seq} of the ERP reached no SKU and no dead letter`);
  }
  for (const [id, seq] of world.erp.acknowledged) if (!world.broker.streams.get('INGEST')!.get(seq)) watch.blame('lost', `the broker acknowledged ${id}, and does not have it`);
  const everywhere = [...watch.ids.values()];
  for (const [id, to] of watch.asked) if (!everywhere.some(ids => ids.has(id))) watch.blame('unperformed', `${to} ${id} was asked for by a stored record, and nobody did it`);
}

/** Cases that are open for people in the end: messages that nobody understands, and in escrow what was really sold beyond what exists. */
export async function checkTasks(world: World, watch: Watch, isCut: () => boolean): Promise<void> {
  const { broker, machine, plan } = world;
  let answer: string | undefined;
  broker.request('control.dead', JSON.stringify({ verb: 'list' }), said => { answer = said; });
  await machine.run(machine.now + answeredWithinMs, () => answer !== undefined || isCut());
  if (answer === undefined) return watch.blame('unserved', 'nobody tells what is left for people to do');
  const { tasks } = JSON.parse(answer) as { tasks: { task: string; body: { class: string; sku?: string; message?: string } }[] };
  const isAllowed = (sku = ''): readonly string[] => ['malformed', ...(plan.mode === 'escrow' && world.isOutside(sku)) || watch.isTorn ? ['shortfall', 'loss'] : []];
  for (const { task, body } of tasks) if (!isAllowed(body.sku).includes(body.class)) watch.blame('not healed', `${task}: ${body.class}: ${body.message}`);
}

const answeredWithinMs = 5_000;

/** What a quiet system holds: it grows by nothing. */
export interface Standing { writes: number; facts: number; timers: number; subscriptions: number; consumers: number }

export function standing({ marketplaces, broker, nodes }: World): Standing {
  return {
    writes: Object.values(marketplaces).reduce((sum, { writes }) => sum + writes, 0),
    facts: broker.streams.get('SKU')!.lastSeq,
    timers: nodes.reduce((sum, { process }) => sum + process.timers, 0),
    subscriptions: broker.listening.length,
    consumers: broker.consumers.size,
  };
}
