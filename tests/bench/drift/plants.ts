/**
 * Drift that is planted, and what only looks like it. Each plant says from when it could be known and within what time it
 * must be told; where nothing is wrong, nothing may be.
 */
import { profiles } from '../../../deploy/channels.ts';
import { channels } from '../../../deploy/demo/world.ts';
import { pause, scale, tellsListings, until } from './world.ts';
import type { World } from './world.ts';

/** What Plumb's own pipeline or a notification can know, and what a read of the watch set finds, ms. */
export const knownWithinMs = 5_000;
export const watchedWithinMs = 15_000;
const giveUpMs = 60_000;

export interface Plant {
  what: string;
  account: string;
  sku: string;
  plantedAt: number;
  /** The first instant at which a read, a notification or the pipeline could tell. */
  observableAt: number;
  /** Undefined: nothing is wrong, and nothing may be told. */
  withinMs: number | undefined;
  /** The class it was told as, ms from `observableAt` until then, and until it was resolved by proof. */
  as?: string;
  foundMs?: number;
  healedMs?: number;
}

/** Which listings are free for a plant, each taken once. */
export class Slots {
  readonly #world: World;
  readonly #skus: readonly string[];
  readonly #taken = new Set<string>();

  constructor(world: World, skus: readonly string[]) {
    this.#world = world;
    this.#skus = skus;
  }

  /** A new round: every listing is free again. */
  clear(): void {
    this.#taken.clear();
  }

  /** One that is in the account's watch set. @throws {Error} when all are taken */
  async watched(account: string): Promise<string> {
    const { skus } = await this.#world.command(account, 'watched') as { skus: string[] };
    return this.#take(account, new Set(skus));
  }

  /** One SKU, free at every account. */
  everywhere(): string {
    const sku = this.#skus.find(each => channels.every(account => !this.#taken.has(`${account} ${each}`)));
    if (sku === undefined) throw new Error('no SKU is free at every account');
    for (const account of channels) this.#taken.add(`${account} ${sku}`);
    return sku;
  }

  #take(account: string, among: ReadonlySet<string>): string {
    const sku = this.#skus.findLast(each => among.has(each) && !this.#taken.has(`${account} ${each}`));
    if (sku === undefined) throw new Error(`${account}: no listing of its watch set (${among.size}) is free`);
    this.#taken.add(`${account} ${sku}`);
    return sku;
  }
}

/** What somebody, or the marketplace, changes behind our back; all of it at the same time. */
export async function behindOurBack(world: World, slots: Slots): Promise<Plant[]> {
  const plants: Promise<Plant>[] = [];
  for (const account of channels) {
    const isTold = (tellsListings as readonly string[]).includes(account);
    const edit = isTold ? 'foreign edit, told by a notification' : 'hand edit in the watch set';
    const withinMs = isTold ? knownWithinMs : watchedWithinMs;
    const [up, down] = [await slots.watched(account), await slots.watched(account)];
    plants.push(
      plant(world, { what: `${edit}, up`, account, sku: up, withinMs }, (admin, shown) => admin.edit(up, shown + 40)),
      plant(world, { what: `${edit}, down`, account, sku: down, withinMs }, (admin, shown) => admin.edit(down, Math.max(0, shown - 1))),
    );
    if (account !== 'walmart') {
      const sku = await slots.watched(account);
      plants.push(plant(world, { what: 'frozen listing', account, sku, withinMs: isTold ? knownWithinMs : watchedWithinMs }, admin => admin.active(sku, false), admin => admin.active(sku, true)));
    }
    if (account !== 'shopify' && account !== 'mercadolibre') {
      const sku = await slots.watched(account);
      plants.push(plant(world, { what: 'missing listing', account, sku, withinMs: watchedWithinMs }, admin => admin.listed(sku, false), admin => admin.listed(sku, true)));
    }
  }
  return Promise.all(plants);
}

/** The next write of each account is answered as done and never carried out. */
export async function neverApplied(world: World, slots: Slots, raises: boolean): Promise<Plant[]> {
  const sku = slots.everywhere();
  const before = await Promise.all(channels.map(account => dropped(world, account)));
  await Promise.all(channels.map(account => world.admins.get(account)!.fault({ kind: 'drop-write', count: 1 })));
  await world.count(sku, raises ? world.counted(sku) + 5 : Math.max(0, world.counted(sku) - 1));
  return Promise.all(channels.map(async (account, n) => {
    await until(`a write at ${account} is dropped`, async () => await dropped(world, account) > before[n]!, giveUpMs, 20);
    const plantedAt = Date.now();
    const proves = await isProvenByAnswer(world, account, sku);
    const what = proves ? 'lost write: the answer proved it' : 'accepted and never applied';
    const { withinMs } = profiles[account]!.verification;
    return follow(world, { what, account, sku, plantedAt, observableAt: plantedAt + (proves ? 0 : withinMs / scale), withinMs: proves ? watchedWithinMs : knownWithinMs }, false);
  }));
}

/** Nothing of this is wrong: writes that take their time, old reads, sales and cancellations whose orders come late. */
export async function onlySeems(world: World, slots: Slots): Promise<Plant[]> {
  const slow = slots.everywhere();
  const stale = slots.everywhere();
  const sold = slots.everywhere();
  const from = Date.now();
  const of = (what: string, sku: string): Plant[] => channels.map(account => ({ what, account, sku, plantedAt: from, observableAt: from, withinMs: undefined }));
  const plants = [...of('in flight: a write within its time', slow), ...of('stale read', stale), ...of('sold and put back, orders late', sold)];
  await Promise.all([...world.admins].map(async ([account, admin]) => {
    const { withinMs } = profiles[account]!.verification;
    await admin.fault({ kind: 'late-write', delayMs: Math.max(1, Math.round(withinMs / scale / 2)), count: 1 });
  }));
  await world.count(slow, world.counted(slow) + 3);
  await pause(1_500);
  // Reads show what was a second and a half ago, while numbers move.
  await Promise.all([...world.admins.values()].map(admin => admin.fault({ kind: 'stale-read', forMs: 6_000, ageMs: 1_500 })));
  await world.count(stale, world.counted(stale) + 2);
  await Promise.all([...world.admins.values()].map(async admin => {
    await admin.fault({ kind: 'latency', on: 'orders', forMs: 5_000, delayMs: 2_500 });
    const order = await admin.buy(sold, 1);
    await pause(2_000);
    if (order) await admin.cancel(order.orderId, order.lines[0]!.line);
  }));
  await pause(8_000);
  await Promise.all([...world.admins.values()].map(admin => admin.clearFaults()));
  await world.quiet();
  for (const each of plants) {
    const told = world.alerts.first(each.account, each.sku, from, ['open', 'task']);
    if (told) Object.assign(each, { as: told.alert.class, foundMs: told.at - from });
  }
  return plants;
}

/** The channel's answer alone made Plumb sure: only a read can tell that it lied. */
async function isProvenByAnswer(world: World, account: string, sku: string): Promise<boolean> {
  await pause(500);
  const { context } = await world.sku(sku);
  const { intent, proof } = context.outlets[account]!;
  return proof?.version === intent?.version && proof?.by === 'write';
}

type Admin = World['admins'] extends Map<string, infer A> ? A : never;

/** @param lift takes it back once it was told: the cause is gone */
async function plant(world: World, known: Pick<Plant, 'what' | 'account' | 'sku' | 'withinMs'>, act: (admin: Admin, shown: number) => unknown, lift?: (admin: Admin) => unknown): Promise<Plant> {
  const admin = world.admins.get(known.account)!;
  const shown = await world.shown(known.account, known.sku);
  // It may be told before the answer is here.
  const plantedAt = Date.now();
  await act(admin, shown);
  return follow(world, { ...known, plantedAt, observableAt: plantedAt }, known.what.endsWith(', up'), lift && (() => lift(admin)));
}

/**
 * Fewer units than there should be may have been sold, and a number that was written and does not show may have been bought
 * or put back to what it was: it is drift from when the orders of its time are known.
 */
async function ordersKnown(world: World, { account, observableAt }: Plant): Promise<number> {
  const known = until('orders known', async () => (await world.figures(account))['ordersCompleteThrough'] >= observableAt, giveUpMs, 50);
  return known.then(() => Date.now(), () => observableAt);
}

/** Waits until it is told, and then until it is resolved. */
async function follow(world: World, planted: Plant, isUp: boolean, lift?: () => unknown): Promise<Plant> {
  const { account, sku, plantedAt } = planted;
  const hears = (states: Parameters<World['alerts']['first']>[3]) => until('told', () => world.alerts.first(account, sku, plantedAt, states) !== undefined, giveUpMs).then(() => world.alerts.first(account, sku, plantedAt, states), () => undefined);
  const [told, known] = await Promise.all([hears(['open', 'task']), isUp || planted.what === 'missing listing' ? planted.observableAt : ordersKnown(world, planted)]);
  const observableAt = planted.observableAt = Math.max(planted.observableAt, known);
  if (told) Object.assign(planted, { as: told.alert.class, foundMs: Math.max(0, told.at - observableAt) });
  await lift?.();
  const resolved = told && await hears(['resolved']);
  if (resolved) planted.healedMs = resolved.at - observableAt;
  return planted;
}

async function dropped(world: World, account: string): Promise<number> {
  return (await world.admins.get(account)!.counts()).faults['drop-write'] ?? 0;
}
