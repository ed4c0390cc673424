/** Replays of SKU journals as they stand on a broker: one SKU with its settings and record, or every one, verified. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Stock } from '../actors/sku/protocol.ts';
import { archivedFact, archivedSettings } from './archive/facts.ts';
import { segmentsOf } from '../runtime/archive/read.ts';
import type { ArchiveStore } from '../runtime/archive/store.ts';
import type { ActorKind, ActorRecord } from '../runtime/actor.ts';
import type { Incoming } from '../runtime/handle.ts';
import { incoming } from '../runtime/journal.ts';
import { readAll } from '../runtime/read-all.ts';
import { leftOut, Replay } from '../runtime/replay.ts';
import type { Difference, Step } from '../runtime/replay.ts';
import { readSettings, settingsAt } from '../runtime/settings-history.ts';
import type { Dated } from '../runtime/settings-history.ts';
import { lastToken, partitionCount, skuPartition, skuRecordSubject, skuSubject, streams, unescapeKey } from '../runtime/subjects.ts';
import { kindUnder } from './sku-settings.ts';
import type { SkuSettings } from './sku-settings.ts';

/** Everything that a SKU's state followed from: enough to fold it again anywhere. */
export interface Incident {
  v: 1;
  sku: string;
  settings: Dated<SkuSettings>[];
  messages: Pick<Incoming, 'seq' | 'at' | 'correlation' | 'body'>[];
  /** The record as stored, when there is one. */
  record?: ActorRecord<unknown>;
}

/** The broker holds no settings: no node has run on it, or one that was older than this command. */
export class NoSettingsError extends Error {
  override readonly name = 'NoSettingsError';

  constructor() {
    super('no node has stored the settings that journals are folded under: start a node of this version once');
  }
}

/**
 * @param inArchive opens the archive, where the broker no longer has the head of its journal
 * @throws {Error} when the connection is closed; {NoSettingsError}; {ArchiveError}
 */
export async function readIncident(nc: NatsConnection, sku: string, inArchive?: <T>(work: (archive: ArchiveStore) => Promise<T>) => Promise<T>): Promise<Incident> {
  let settings = await settingsOf(nc);
  let record: ActorRecord<unknown> | undefined;
  await readAll(nc, { stream: streams.skuRecords, filter: skuRecordSubject(sku), from: 'last-per-subject' }, message => {
    if (message.data.length > 0) record = message.json();
  });
  const messages: Incident['messages'] = [];
  await readAll(nc, { stream: streams.sku, filter: skuSubject(sku) }, message => { messages.push(incoming(message)); });
  const { state: { first_seq: first } } = await (await jetstreamManager(nc)).streams.info(streams.sku);
  if (inArchive && first > 1) {
    const head = await inArchive(archive => archivedHead(archive, skuSubject(sku), first - 1));
    messages.unshift(...head.messages);
    settings = [...head.settings, ...settings].sort((a, b) => a.at - b.at);
  }
  return { v: 1, sku, settings, messages, ...(record && { record }) };
}

/** What is archived of a journal up to a sequence, and what it was folded under. */
async function archivedHead(archive: ArchiveStore, subject: string, through: number): Promise<Pick<Incident, 'settings' | 'messages'>> {
  const messages: Incident['messages'] = [];
  for await (const segment of segmentsOf(archive, streams.sku, { through })) {
    for (const message of segment.messages) if (message.subject === subject && message.seq <= through) messages.push(archivedFact(message));
  }
  return { messages, settings: await archivedSettings(archive) };
}

export function replayOf({ sku, settings, messages }: Incident): Replay<Stock> {
  return new Replay(sku, kindsUnder(settings), leftOut(messages));
}

const overdueMs = 60_000;
/** Partitions: each waits for the broker most of the time. */
const atOnce = 4;
/** SKUs that are folded before others get a turn. */
const foldsAtOnce = 20;

export interface Parted {
  sku: string;
  /** What the record has applied, and the sequence of the last message in the journal. */
  applied: number;
  last: number;
  differences: Difference[];
}

export interface Verification {
  skus: number;
  messages: number;
  /** Messages that no record contains yet: on their way, or behind a quarantine. */
  waiting: number;
  /** SKUs whose records leave messages out that have waited for longer than a minute, and that are not quarantined. */
  overdue: string[];
  quarantined: string[];
  /** Records that are not the fold of their journal. */
  parted: Parted[];
}

/**
 * Folds every journal again and compares each record with the fold up to the message that it names. A few partitions
 * at a time, so that memory is bounded by the largest.
 *
 * @param onProgress told of partitions done, of all
 * @throws {Error} when the connection is closed; {NoSettingsError}
 */
export async function verifyAll(nc: NatsConnection, onProgress: (done: number, total: number) => void = () => {}): Promise<Verification> {
  const kindAt = kindsUnder(await settingsOf(nc));
  const verification: Verification = { skus: 0, messages: 0, waiting: 0, overdue: [], quarantined: [], parted: [] };
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < partitionCount) {
      await verifyPartition(nc, next++, kindAt, verification);
      onProgress(++done, partitionCount);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return verification;
}

/** One partition of it. @throws {Error} when the connection is closed; {NoSettingsError} */
export async function verifyOne(nc: NatsConnection, partition: number): Promise<Verification> {
  const verification: Verification = { skus: 0, messages: 0, waiting: 0, overdue: [], quarantined: [], parted: [] };
  await verifyPartition(nc, partition, kindsUnder(await settingsOf(nc)), verification);
  return verification;
}

async function verifyPartition(nc: NatsConnection, partition: number, kindAt: (at: number) => ActorKind<Stock>, verification: Verification): Promise<void> {
  const records = new Map<string, ActorRecord<unknown>>();
  await readAll(nc, { stream: streams.skuRecords, filter: skuPartition.record(partition, '*'), from: 'last-per-subject' }, message => {
    const token = lastToken(message.subject);
    if (!token.startsWith('_') && message.data.length > 0) records.set(unescapeKey(token), message.json());
  });
  for (const [sku, journal] of await journalsOf(nc, partition)) {
    const record = records.get(sku);
    verification.skus += 1;
    // Others have work to do as well.
    if (verification.skus % foldsAtOnce === 0) await new Promise(resolve => { setImmediate(resolve); });
    verification.messages += journal.length;
    const applied = record?.applied ?? 0;
    const last = journal.at(-1)!.seq;
    const waiting = journal.filter(({ seq }) => seq > applied);
    verification.waiting += waiting.length;
    if (record?.quarantined) verification.quarantined.push(sku);
    else if (waiting.some(({ at }) => at < Date.now() - overdueMs)) verification.overdue.push(sku);
    if (record) {
      const differences = differencesUpTo(new Replay(sku, kindAt, leftOut(journal)), journal, record);
      if (differences.length > 0) verification.parted.push({ sku, applied, last, differences });
    }
    records.delete(sku);
  }
  // A record without a journal is the fold of nothing.
  for (const [sku, { applied }] of records) {
    verification.skus += 1;
    verification.parted.push({ sku, applied, last: 0, differences: [{ path: 'applied', stored: applied, folded: 0 }] });
  }
}

/** Folds every journal of a partition, and tells of each step; a journal that an actor throws on ends there. @throws {NoSettingsError} */
export async function foldPartition(nc: NatsConnection, partition: number, take: (sku: string, step: Step<Stock>) => void): Promise<void> {
  const kindAt = kindsUnder(await settingsOf(nc));
  for (const [sku, journal] of await journalsOf(nc, partition)) {
    const replay = new Replay(sku, kindAt, leftOut(journal));
    for (const message of journal) {
      const step = replay.step(message);
      if (step.poison) break;
      take(sku, step);
    }
  }
}

/** By SKU. */
async function journalsOf(nc: NatsConnection, partition: number): Promise<Map<string, Incoming[]>> {
  const journals = new Map<string, Incoming[]>();
  await readAll(nc, { stream: streams.sku, filter: skuPartition.journal(partition) }, message => {
    const key = unescapeKey(lastToken(message.subject));
    let journal = journals.get(key);
    if (!journal) journals.set(key, journal = []);
    journal.push(incoming(message));
  });
  return journals;
}

/** Folds as much as the record has applied, and compares. */
export function differencesUpTo(replay: Replay<Stock>, messages: readonly Incoming[], record: ActorRecord<unknown>): Difference[] {
  for (const message of messages) {
    if (message.seq > record.applied) break;
    if (replay.step(message).poison) break;
  }
  return replay.differences(record);
}

async function settingsOf(nc: NatsConnection): Promise<Dated<SkuSettings>[]> {
  const settings = await readSettings<SkuSettings>(nc);
  if (settings.length === 0) throw new NoSettingsError();
  return settings;
}

/** One kind for each of the settings, made when a journal comes to its time. */
export function kindsUnder(history: readonly Dated<SkuSettings>[]): (at: number) => ActorKind<Stock> {
  const kinds = new Map<SkuSettings, ActorKind<Stock>>();
  return at => {
    const { settings } = settingsAt(history, at)!;
    let kind = kinds.get(settings);
    if (!kind) kinds.set(settings, kind = kindUnder(settings));
    return kind;
  };
}
