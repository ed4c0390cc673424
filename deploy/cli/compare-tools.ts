/** What `plumb reconcile`, `plumb shadow` and `plumb golive` ask an account's owner, and how its answers are told. */
import { writeFile } from 'node:fs/promises';
import type { NatsConnection } from 'nats';
import type { Comparison, SliceTotals, Totals } from '../../runtime/account/compare.ts';
import type { Change } from '../../runtime/account/shadow.ts';
import type { Slice } from '../../runtime/account/stage.ts';
import type { WalkProgress } from '../../runtime/account/walk.ts';
import { commandAccount, everyAccount } from './account-command.ts';
import { connectTo, natsUrl } from './connection.ts';
import { FailedError, UsageError } from './exit.ts';
import { progress } from './progress.ts';
import { csvLine } from './rules-csv.ts';

export const natsFlag = ['--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)'] as const;

/** What an owner says of its account's way to being written. */
export interface StageAnswer {
  account: string;
  channel: string;
  stage: 'connect' | 'shadow' | 'live';
  configured: string;
  slice?: Slice;
  by?: string;
  at?: number;
  listings: number;
  live: number;
  muted: number;
  look: WalkProgress;
}

const lookEveryMs = 250;

export async function withBroker<T>({ nats }: { nats?: string }, name: string, work: (connection: NatsConnection) => Promise<T>): Promise<T> {
  const connection = await connectTo(natsUrl(nats), name);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

/** @throws {FailedError} when none is known */
export async function accountsOf(connection: NatsConnection, which: string): Promise<string[]> {
  const accounts = which === 'all' ? await everyAccount(connection) : [which];
  if (accounts.length === 0) throw new FailedError('no account is known yet');
  return accounts;
}

export function stageOf(connection: NatsConnection, account: string): Promise<StageAnswer> {
  return commandAccount<StageAnswer>(connection, account, 'stage');
}

/** Every listing, page by page; what was fetched before a failure is lost, and asking again costs the channel nothing. */
export async function comparisonsOf(connection: NatsConnection, account: string, { differing = false }: { differing?: boolean } = {}): Promise<{ rows: Comparison[]; totals: Totals; slices: SliceTotals[] }> {
  const shown = progress('listings');
  const rows: Comparison[] = [];
  let totals: Totals | undefined;
  let slices: SliceTotals[] = [];
  for (let from: number | undefined = 0; from !== undefined;) {
    const page: { rows: Comparison[]; next?: number; totals?: Totals; slices?: SliceTotals[] } = await commandAccount(connection, account, `compare ${JSON.stringify({ from, differing, totals: totals === undefined })}`);
    totals ??= page.totals!;
    slices = page.slices ?? slices;
    rows.push(...page.rows);
    from = page.next;
    shown.update(Math.min(from ?? totals.listings, totals.listings), totals.listings);
  }
  shown.stop();
  return { rows, totals: totals!, slices };
}

/** Has every listing looked at now. The owner goes on by itself: whoever is interrupted asks again and waits for the rest. */
export async function lookAtAll(connection: NatsConnection, account: string): Promise<void> {
  const { look: { beganAt } } = await commandAccount<{ look: WalkProgress }>(connection, account, 'look');
  const shown = progress(`listings of ${account} read`);
  for (;;) {
    const { look, listings } = await stageOf(connection, account);
    shown.update(Math.min(look.seen, listings), Math.max(listings, 1));
    if (!look.underway && (look.beganAt ?? 0) >= beganAt!) {
      shown.stop();
      if (look.error !== undefined) throw new FailedError(`${account}: its listings could not all be read: ${look.error}; ask again`);
      return;
    }
    if (look.beganAt === undefined) throw new FailedError(`${account} has another owner now: ask again`);
    await new Promise(resolve => setTimeout(resolve, lookEveryMs));
  }
}

type Cell = string | number | boolean | null;

export interface ReportOptions { nats?: string; csv?: string; json?: boolean; top: number }

/** How a comparison of accounts is told. */
export interface Report<T> {
  command: string;
  columns: readonly string[];
  /** Before an account is compared; what it says is at hand when that is told. */
  look(connection: NatsConnection, account: string): Promise<T>;
  /** The last line of an account, for scripts. */
  summaryOf(totals: Totals, look: T, slices: readonly SliceTotals[]): object;
  rowOf(account: string, row: Comparison): Cell[];
  /** For people. @param rows those that differ most first */
  textOf(account: string, rows: readonly Comparison[], totals: Totals, look: T, slices: readonly SliceTotals[]): Promise<string>;
}

/** Compares each account and tells it as it was asked: for people, as CSV, or a line of JSON for each listing. */
export async function report<T>(which: string, { csv, json = false, ...options }: ReportOptions, { command, columns, look, summaryOf, rowOf, textOf }: Report<T>): Promise<void> {
  if (csv !== undefined && json) throw new UsageError('--csv and --json are two ways of telling the same: give one of them');
  await withBroker(options, command, async connection => {
    const all: Cell[][] = [];
    for (const account of await accountsOf(connection, which)) {
      const seen = await look(connection, account);
      const { rows, totals, slices } = await comparisonsOf(connection, account);
      const sorted = worstFirst(rows);
      if (json) {
        for (const row of sorted) process.stdout.write(`${JSON.stringify({ account, ...row })}\n`);
        process.stdout.write(`${JSON.stringify({ account, ...summaryOf(totals, seen, slices) })}\n`);
        continue;
      }
      if (csv !== undefined) all.push(...sorted.map(row => rowOf(account, row)));
      if (csv !== '-') process.stdout.write(await textOf(account, sorted, totals, seen, slices));
    }
    if (csv !== undefined) await writeCsv(csv, columns, all);
  });
}

/** Those that differ most first: units that do not exist, then sales that are lost. */
function worstFirst(rows: readonly Comparison[]): Comparison[] {
  const rank = ({ verdict }: Comparison): number => ['high', 'low', 'unknown', 'equal'].indexOf(verdict);
  return [...rows].sort((a, b) => rank(a) - rank(b) || (b.value ?? 0) - (a.value ?? 0) || b.units - a.units || (a.sku < b.sku ? -1 : 1));
}

export function totalsText({ listings, equal, low, high, unknown, lowUnits, highUnits, lowValue, highValue, unpriced }: Totals): string {
  const worth = (value: number): string => (value === 0 ? '' : `, worth ${value.toLocaleString('en')}`);
  return [
    `${listings} listings`,
    `  ${equal} equal`,
    `  ${low} low: ${lowUnits} units that buyers do not see${worth(lowValue)}`,
    `  ${high} high: ${highUnits} units that may be sold and are not there${worth(highValue)}`,
    `  ${unknown} unknown`,
    ...(unpriced > 0 ? [`  of those that differ ${unpriced} have no price`] : []),
    '',
  ].join('\n');
}

/** A share for people: 100 % is said of nothing that is not whole. */
export function shareText(part: number, of: number): string {
  if (of === 0) return 'nothing was compared yet';
  return `${Math.floor((part / of) * 1_000) / 10} %`;
}

export function when(at: number | null): string {
  return at === null ? '' : new Date(at).toISOString();
}

export function changesText(changes: readonly Change[]): string {
  return changes.map(({ at, from, to, because }) => `${when(at)} ${from ?? '?'}→${to} ${because}`).join(' | ');
}

export async function writeCsv(file: string, header: readonly string[], rows: readonly (readonly Cell[])[]): Promise<void> {
  const text = [header, ...rows].map(row => csvLine(row.map(cell => String(cell ?? '')))).join('');
  if (file === '-') process.stdout.write(text);
  else {
    await writeFile(file, text);
    process.stderr.write(`${rows.length} rows written to ${file}\n`);
  }
}

export async function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const made = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
  for (const row of rows) made.push([...row]);
  return `${made.toString()}\n`;
}
