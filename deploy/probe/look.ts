/** What a look at a channel account shows without writing: token, clock, listings, read latency, orders, limits. */
import type { Listing } from '../../actors/channel/adapter.ts';
import { AuthError } from '../../actors/errors.ts';
import { readOne } from '../../runtime/account/test-listing.ts';
import type { Session } from './session.ts';

/** One thing looked at: what was seen, or why it could not be. */
export interface Check {
  name: string;
  ok: boolean;
  told: string;
}

export interface Look {
  checks: Check[];
  /** The first listings of the account. */
  listings: Listing[];
  /** Of single reads. */
  readMs?: { p50: number; p99: number; reads: number };
  headers: Record<string, string>;
}

/** Beyond this a signature or an order window goes wrong, ms. */
const skewMost = 30_000;
/** Pages without a listing that are passed over. */
const pagesMax = 20;

/** @param reads how many single reads are timed */
export async function look(session: Session, reads: number): Promise<Look> {
  const { adapter, timeScale } = session;
  const checks: Check[] = [];
  const result: Look = { checks, listings: [], headers: {} };
  const check = async (name: string, see: () => Promise<string>): Promise<void> => {
    try {
      checks.push({ name, ok: true, told: await see() });
    } catch (error) {
      checks.push({ name, ok: false, told: `${(error as Error).name}: ${(error as Error).message}` });
    }
  };

  await check('listings', async () => {
    // A page may hold none that Plumb could keep, and the next one some.
    for (let pages = 1, cursor: string | undefined; ; pages++) {
      const { value: page, ms } = await session.run(adapter.listingsOperation?.(cursor) ?? adapter.operations.listings, call => adapter.listings(cursor, call));
      cursor = page.cursor;
      result.listings = page.readings.map(({ listing }) => listing);
      if (page.readings.length === 0 && cursor !== undefined && pages < pagesMax) continue;
      const inactive = page.readings.filter(({ active }) => !active).length;
      const where = pages === 1 ? 'on the first page' : `on page ${pages}`;
      return `${page.readings.length} ${where}${cursor === undefined ? ', the last one' : ', and more'}; ${inactive} not for sale; ${Math.round(ms)} ms`;
    }
  });
  const dead = checks[0]!.told.startsWith(AuthError.name);
  const ends = adapter.tokenExpiresAt();
  checks.unshift({
    name: 'token',
    ok: !dead && ends !== undefined,
    told: dead ? checks[0]!.told : ends === undefined ? 'none was given' : `good for ${duration((ends - Date.now()) * timeScale)}`,
  });
  // Nothing else can succeed, and asking on is what vendors lock accounts for.
  if (dead) return result;

  const { checks: asked } = adapter;
  if (asked) {
    await check('account', async () => {
      const { value: found } = await session.run(asked.operation, call => asked.ask(call));
      for (const { name, ok, told } of found) if (!ok) checks.push({ name, ok, told });
      return found.map(({ name, ok }) => `${name} ${ok ? 'as it should be' : 'not'}`).join(', ');
    });
  }
  const [first] = result.listings;
  if (first) {
    await check('reads', async () => {
      const times: number[] = [];
      for (let n = 0; n < reads; n++) times.push((await readOne(session, result.listings[n % result.listings.length]!)).ms);
      const readMs = { p50: quantile(times, 0.5), p99: quantile(times, 0.99), reads };
      result.readMs = readMs;
      return `${reads} single reads: p50 ${readMs.p50} ms, p99 ${readMs.p99} ms`;
    });
  } else if (checks.every(({ ok }) => ok)) {
    checks.push({ name: 'reads', ok: false, told: 'the account has no listing that Plumb could keep' });
  }
  await check('orders', async () => {
    const { value: page, ms } = await session.run(adapter.operations.orders, call => adapter.orders(undefined, call));
    const behind = duration((Date.now() - page.completeThrough) * timeScale);
    return `${page.lines.length} lines on the first page${page.more ? ', and more to page through' : `, complete to ${behind} ago`}; ${Math.round(ms)} ms`;
  });
  if (session.skews.length > 0) {
    // The header holds whole seconds: the largest difference seen is the nearest to the truth, and up to 1 s short of it.
    const skew = Math.max(...session.skews);
    checks.push({
      name: 'clock',
      ok: Math.abs(skew) <= skewMost,
      told: Math.abs(skew) <= 1_000 ? 'within a second of ours' : `${(Math.abs(skew) / 1_000).toFixed(0)} s ${skew > 0 ? 'ahead of' : 'behind'} ours${Math.abs(skew) > skewMost ? ': set this machine\'s clock' : ''}`,
    });
  }
  result.headers = Object.fromEntries([...session.headers].sort());
  return result;
}

/** The smallest value that at least this share of them does not exceed, in whole ms. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!);
}

export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
