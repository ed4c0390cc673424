/** What `plumb export` writes, with a NATS server at hand. A folder that is there is whole: until then it has another name. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { NamesRecord } from '../../runtime/account/names.ts';
import { sliceText } from '../../runtime/account/stage.ts';
import type { StageRecord } from '../../runtime/account/stage.ts';
import { decode } from '../../runtime/codec.ts';
import { readAll } from '../../runtime/read-all.ts';
import { readListed, readNewest } from '../../runtime/rules.ts';
import type { Listed, StoredListing } from '../../runtime/rules.ts';
import type { StreamMessage } from '../../runtime/stream-message.ts';
import { escapeKey, streams } from '../../runtime/subjects.ts';
import { everyAccount } from './account-command.ts';
import { when } from './compare-tools.ts';
import { UsageError } from './exit.ts';
import { progress } from './progress.ts';
import { csvLine, toCsv } from './rules-csv.ts';
import { readModes } from './rules-tools.ts';

const journals = [streams.ingest, streams.sku, streams.attempt, streams.alert, streams.dead, streams.exposure];
const bufferMost = 256 * 1024;

/** SKUs that listings have at the channel, where people gave them others: by account and listing. */
type Names = Map<string, string>;

/**
 * @param withJournals messages of the journals too, as many as the broker holds now
 * @throws {UsageError} where the folder is there, or cannot be made
 */
export async function exportTo(nc: NatsConnection, folder: string, withJournals: boolean): Promise<void> {
  if (await access(folder).then(() => true, () => false)) throw new UsageError(`${folder} is there already: give the name of a new folder`);
  const part = join(dirname(folder), `.${folder.split(/[\\/]/).filter(Boolean).at(-1)}.part`);
  await rm(part, { recursive: true, force: true });
  await mkdir(join(part, 'listings'), { recursive: true }).catch((cause: NodeJS.ErrnoException) => { throw new UsageError(`${folder} cannot be made (${cause.code})`, { cause }); });
  const write = (name: string, rows: readonly (readonly string[])[]): Promise<void> => writeFile(join(part, name), rows.map(csvLine).join(''));
  const counts: Record<string, number> = {};

  const listed = await readListed(nc);
  const names = await readNames(nc);
  const listings = listed.flatMap(({ listing }) => listing ?? []);
  await write('listings.csv', listingRows(listings, names));
  for (const [account, of] of Map.groupBy(listings, ({ account: name }) => name)) await write(`listings/${escapeKey(account)}.csv`, tableRows(of, names));
  counts['listings'] = listings.length;
  const matches = matchRows(listings, names);
  await write('matches.csv', matches);
  counts['matches'] = matches.length - 1;
  await writeFile(join(part, 'rules.csv'), toCsv(listed, await readModes(nc)));
  counts['rules'] = listed.filter(({ set }: Listed) => set).length;
  const stages = await stageRows(nc);
  await write('stages.csv', stages);
  counts['accounts'] = stages.length - 1;

  if (withJournals) await mkdir(join(part, 'journals'));
  for (const stream of withJournals ? journals : []) counts[stream] = await writeJournal(nc, stream, join(part, 'journals', `${stream}.jsonl`));
  await writeFile(join(part, 'export.json'), `${JSON.stringify({ v: 1, at: new Date().toISOString(), counts }, null, 2)}\n`);
  await rename(part, folder);
  const { listings: all, matches: given, rules, accounts, ...messages } = counts;
  process.stdout.write(`${folder}: ${all} listings, ${given} matches, ${rules} rules that were set, ${accounts} accounts${Object.entries(messages).map(([stream, count]) => `, ${count} of ${stream}`).join('')}\n`);
}

function nameOf({ account, id, sku }: StoredListing, names: Names): string {
  return names.get(JSON.stringify([account, id])) ?? sku;
}

function listingRows(listings: readonly StoredListing[], names: Names): string[][] {
  const rows = listings.map(listing => {
    const { account, id, sku, fields, shown, at } = listing;
    return [account, id, sku, nameOf(listing, names), JSON.stringify(fields), String(shown ?? ''), when(at)];
  });
  return [['account', 'listing', 'sku', 'sku_at_channel', 'addressed_by', 'shown_at_import', 'imported_at'], ...rows];
}

/** As an import takes them: an import knows SKUs of the channel alone. */
function tableRows(listings: readonly StoredListing[], names: Names): string[][] {
  const fields = [...new Set(listings.flatMap(listing => Object.keys(listing.fields)))].sort();
  return [['sku', 'listing', ...fields], ...listings.map(listing => [nameOf(listing, names), listing.id, ...fields.map(field => listing.fields[field] ?? '')])];
}

/** As `plumb listings match --from` takes them. */
function matchRows(listings: readonly StoredListing[], names: Names): string[][] {
  const given = listings.filter(listing => nameOf(listing, names) !== listing.sku);
  return [['sku', 'account', 'listing', 'is'], ...given.map(listing => [nameOf(listing, names), listing.account, listing.id, listing.sku])];
}

async function readNames(nc: NatsConnection): Promise<Names> {
  const names: Names = new Map();
  await readNewest(nc, streams.listings, '$KV.listing.names.*._all', (_, value) => {
    const { account, names: all } = value as NamesRecord;
    for (const [listing, name] of all) names.set(JSON.stringify([account, listing]), name);
  });
  return names;
}

/** What nobody has decided is as the configuration says. */
async function stageRows(nc: NatsConnection): Promise<string[][]> {
  const decided = new Map<string, StageRecord>();
  await readNewest(nc, streams.channelRecords, '$KV.channel.*.stage', (_, value) => { decided.set((value as StageRecord).account, value as StageRecord); });
  const accounts = [...new Set([...await everyAccount(nc), ...decided.keys()])].sort();
  const rows = accounts.map(account => {
    const { stage, slice, by, at } = decided.get(account) ?? {};
    return [account, stage ?? 'as configured', stage === 'live' ? sliceText(slice) : '', slice ? JSON.stringify(slice) : '', by ?? '', when(at ?? null)];
  });
  return [['account', 'stage', 'written', 'slice', 'by', 'at'], ...rows];
}

/** A line for each message that was there when it began. @returns how many */
async function writeJournal(nc: NatsConnection, stream: string, file: string): Promise<number> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const { state } = await jsm.streams.info(stream).catch((error: { code?: number }) => {
    if (error.code === 10059) return { state: { messages: 0 } };
    throw error;
  });
  const opened = openSync(file, 'w');
  const shown = progress(`messages of ${stream}`);
  let text = '';
  let count = 0;
  // At once and not in the background: what is read waits for the disk.
  const flush = (): void => { writeSync(opened, text); text = ''; };
  try {
    if (state.messages === 0) return 0;
    await readAll(nc, { stream, filter: '>' }, message => {
      text += lineOf(message);
      count += 1;
      if (text.length > bufferMost) {
        flush();
        shown.update(count, Math.max(count, state.messages));
      }
    });
    return count;
  } finally {
    flush();
    closeSync(opened);
    shown.stop();
  }
}

function lineOf(message: StreamMessage): string {
  const { seq, at, subject, data } = message;
  return `${JSON.stringify({ seq, at: when(at), subject, id: message.header('Nats-Msg-Id'), body: bodyOf(data, message.header('Plumb-Schema')) })}\n`;
}

/** What a source sent may be anything. */
function bodyOf(data: Uint8Array, schema: string | undefined): unknown {
  if (data.length === 0) return null;
  try {
    return decode(data, schema);
  } catch {
    return Buffer.from(data).toString('base64');
  }
}
