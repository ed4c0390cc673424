/** What `plumb rules` does, with a NATS server at hand. */
import { readFile, writeFile } from 'node:fs/promises';
import type { NatsConnection } from 'nats';
import type { PackedStock } from '../../actors/sku/packing.ts';
import { unpackStock } from '../../actors/sku/packing.ts';
import type { Mode } from '../../actors/sku/exposure/record.ts';
import type { Rule, SkuFact, Stock } from '../../actors/sku/protocol.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { Records } from '../../runtime/records.ts';
import { isSameRule, readHistory, readListed, readNewest, RuleConflictError, setRule } from '../../runtime/rules.ts';
import type { Listed, RulePorts, StoredListing, StoredRule } from '../../runtime/rules.ts';
import { lastToken, listingSubject, ruleSubject, skuRecordSubject, skuSubject, streams } from '../../runtime/subjects.ts';
import { connectTo, inboxPrefix, natsUrl } from './connection.ts';
import { FailedError, UsageError } from './exit.ts';
import { progress } from './progress.ts';
import { adviceOn, effectOf, warningOf } from './rules-advice.ts';
import { csvLine, locationsOf, readCsv, RowError, ruleOf, toCsv, wantedOf } from './rules-csv.ts';
import type { Row } from './rules-csv.ts';

interface Nats { nats?: string }
interface Desk extends RulePorts { nc: NatsConnection }

export type Tools = typeof tools;

export const tools = {
  async exportTo(file: string, options: Nats): Promise<void> {
    const text = await at(options, async ({ nc }) => toCsv(await readListed(nc), await readModes(nc)));
    if (file === '-') process.stdout.write(text);
    else {
      await writeFile(file, text);
      process.stdout.write(`${text.split('\n').length - 2} rules written to ${file}\n`);
    }
  },

  async importFrom(file: string, { by, rejected = `${file}.rejected.csv`, dryRun = false, ...options }: Nats & { by: string; rejected?: string; dryRun?: boolean }): Promise<void> {
    const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => { throw new UsageError(`${file} cannot be read (${cause.code})`, { cause }); });
    const { header, rows } = named(file, () => readCsv(text));
    const refused: [Row, string][] = [];
    let set = 0;
    await at(options, async desk => {
      const listed = new Map((await readListed(desk.nc)).map(each => [keyOf(each), each]));
      const shown = progress('rules');
      const seen = new Set<string>();
      const modes = new Map<string, { mode: Mode | 'none'; line: number }>();
      const inFlight = 64;
      for (let n = 0; n < rows.length; n += inFlight) {
        await Promise.all(rows.slice(n, n + inFlight).map(async row => {
          try {
            const wanted = wantedOf(row);
            const there = listed.get(keyOf(wanted));
            if (!there) throw new RowError(unlisted(wanted, listed.values()));
            if (seen.has(keyOf(wanted))) throw new RowError('sku and account: are in this file before');
            seen.add(keyOf(wanted));
            const { sku, account, mode } = wanted;
            const first = modes.get(sku);
            if (mode !== undefined && first && first.mode !== mode) throw new RowError(`mode: is one for all rows of a SKU: ${first.mode} in line ${first.line}, got ${JSON.stringify(mode)}`);
            if (mode !== undefined && !first) modes.set(sku, { mode, line: row.line });
            const stock = await stockOf(desk, sku);
            const { changed, rule } = await apply(desk, there, wanted, by, dryRun);
            const isOther = mode !== undefined && !first && mode !== (stock?.mode ?? 'none');
            if (isOther && !dryRun) await setMode(desk, sku, mode, by);
            if (changed || isOther) set += 1;
            const warning = [changed && warningOf(rule, effectOf(stock, account, rule)), isOther && stock && adviceOn(mode, stock)].filter(Boolean).join('; ');
            if (warning !== '') process.stderr.write(`line ${row.line}, ${sku} at ${account}: ${warning}\n`);
          } catch (error) {
            if (!(error instanceof RowError) && !(error instanceof RuleConflictError)) throw error;
            refused.push([row, error.message]);
          }
        }));
        shown.update(Math.min(rows.length, n + inFlight), rows.length);
      }
      shown.stop();
    });
    const kept = rows.length - set - refused.length;
    process.stdout.write(`${rows.length} rows: ${set} ${dryRun ? 'would be set' : 'set'}, ${kept} as they were, ${refused.length} rejected\n`);
    if (refused.length === 0) return;
    refused.sort(([a], [b]) => a.line - b.line);
    await writeFile(rejected, [csvLine([...header, 'line', 'reason']), ...refused.map(([row, reason]) => csvLine([...header.map((_, n) => row.record[n] ?? ''), String(row.line), reason]))].join(''));
    throw new FailedError(`rejected rows are in ${rejected}, with reasons; the first: line ${refused[0]![0].line}: ${refused[0]![1]}`);
  },

  async show(sku: string, { history = false, json = false, ...options }: Nats & { history?: boolean; json?: boolean }): Promise<void> {
    const answer = await at(options, async desk => {
      const listed = (await readListed(desk.nc)).filter(each => each.sku === sku);
      if (listed.length === 0) throw new FailedError(`no listing of ${JSON.stringify(sku)} is known, and no rule for it was set`);
      const stock = await stockOf(desk, sku);
      return {
        sku,
        ...(stock?.mode !== undefined && { mode: stock.mode }),
        rules: Object.fromEntries(await Promise.all(listed.map(async each => {
          const rule = standing(each);
          const effect = effectOf(stock, each.account, rule);
          const warning = warningOf(rule, effect);
          return [each.account, {
            rule, ...effect, ...(each.set ? setBy(each.set) : { by: 'as imported' }), ...(warning !== undefined && { warning }),
            ...(history && { history: (await readHistory(desk.nc, each.account, sku)).map(one => ({ rule: one.rule, ...setBy(one) })) }),
          }];
        }))),
      };
    });
    process.stdout.write(json ? `${JSON.stringify(answer)}\n` : (await import('yaml')).stringify(answer));
  },

  async set(sku: string, account: string, { given, locations, emptied }: { given: Partial<Rule>; locations?: string; emptied: (keyof Rule)[] }, { by, ...options }: Nats & { by: string }): Promise<void> {
    await at(options, async desk => {
      const there = await listedAt(desk, sku, account);
      const places = locations === undefined ? undefined : asUsage(() => locationsOf(locations));
      const all = { ...given, ...(places && { locations: places }) };
      const change = (before: Rule): Rule => asUsage(() => ruleOf(before, all, emptied));
      const { changed, rule, version } = await apply(desk, there, { sku, account, change }, by, false);
      const effect = effectOf(await stockOf(desk, sku), account, rule);
      const shows = effect.available === undefined ? '' : `: of ${effect.available} available it shows ${effect.shows ?? 'none, as it is not written'}`;
      process.stdout.write(changed ? `${sku} at ${account} has version ${version} of its rule${shows}\n` : `${sku} at ${account} has this rule already${shows}\n`);
      const warning = warningOf(rule, effect);
      if (warning !== undefined) process.stderr.write(`${warning}\n`);
    });
  },
};

/** Sets what is asked for where it is not what stands. A rule that nobody set yet stays unset while it is as imported. */
async function apply(desk: Desk, there: Listed, { sku, account, change, expected }: { sku: string; account: string; change(before: Rule): Rule; expected?: number }, by: string, dryRun: boolean): Promise<{ changed: boolean; rule: Rule; version?: number }> {
  const before = standing(there);
  const wanted = change(before);
  if (isSameRule(before, wanted) && !there.set) return { changed: false, rule: wanted };
  if (dryRun) {
    if (expected !== undefined && expected !== (there.set?.version ?? 0)) throw new RuleConflictError(`stands at version ${there.set?.version ?? 0}, not ${expected}`);
    return { changed: !isSameRule(before, wanted), rule: wanted };
  }
  const { stored, changed } = await setRule(desk, { account, sku, change: newest => change(newest ?? before), by, at: Date.now(), ...(expected !== undefined && { expected }) });
  return { changed, rule: stored.rule, version: stored.version };
}

/** Modes that people have set, by SKU. */
export async function readModes(nc: NatsConnection): Promise<Map<string, Mode>> {
  const modes = new Map<string, Mode>();
  await readNewest(nc, streams.skuRecords, '$KV.sku.>', (subject, value) => {
    // Epochs and checkpoints stand beside the records.
    if (lastToken(subject).startsWith('_')) return;
    const { sku, mode } = (value as ActorRecord<PackedStock>).context;
    if (mode !== undefined) modes.set(sku, mode);
  });
  return modes;
}

async function setMode({ publisher }: Desk, sku: string, mode: Mode | 'none', by: string): Promise<void> {
  const fact: SkuFact = { type: 'mode.set', ...(mode !== 'none' && { mode }), by };
  await publisher.publish(skuSubject(sku), encodeJournal(fact), journalHeaders({ id: `mode:${sku}:${crypto.randomUUID()}` }));
}

function standing({ set, listing }: Listed): Rule {
  return set?.rule ?? listing?.rule ?? { buffer: 0 };
}

function setBy({ version, by, at: when }: StoredRule): { version: number; by: string; at: string } {
  return { version, by, at: new Date(when).toISOString() };
}

function keyOf({ account, sku }: { account: string; sku: string }): string {
  return JSON.stringify([account, sku]);
}

function unlisted({ sku, account }: { sku: string; account: string }, all: Iterable<Listed>): string {
  const accounts = new Set([...all].map(each => each.account));
  return accounts.has(account) ? `sku: ${JSON.stringify(sku)} has no listing at ${account}` : `account: ${JSON.stringify(account)} has no listings; ${[...accounts].sort().join(', ') || 'no account'} has`;
}

async function listedAt({ records }: Desk, sku: string, account: string): Promise<Listed> {
  const [listing, set] = await asKey(() => Promise.all([records.get<StoredListing>(listingSubject(account, sku)), records.get<StoredRule>(ruleSubject(account, sku))]));
  if (!listing && !set) throw new FailedError(`${JSON.stringify(sku)} has no listing at ${JSON.stringify(account)}; "plumb rules show ${sku}" shows where it has`);
  return { account, sku, ...(listing && { listing: listing.value }), ...(set && { set: set.value }) };
}

async function stockOf({ records }: Desk, sku: string): Promise<Stock | undefined> {
  const stored = await records.get<ActorRecord>(skuRecordSubject(sku));
  return stored && unpackStock(stored.value.context as PackedStock);
}

async function at<T>({ nats }: Nats, work: (desk: Desk) => Promise<T>): Promise<T> {
  const nc = await connectTo(natsUrl(nats), 'plumb rules');
  const publisher = new Publisher(nc, inboxPrefix);
  try {
    return await work({ nc, publisher, records: new Records(publisher) });
  } finally {
    publisher.close();
    await nc.close();
  }
}

function asUsage<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof RowError ? new UsageError(error.message, { cause: error }) : error;
  }
}

async function asKey<T>(make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(error.message, { cause: error }) : error;
  }
}

function named<T>(file: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${file}: ${error.message}`, { cause: error }) : error;
  }
}
