/**
 * Judges a round with nothing but the journals, the stored versions of the records, and the same fold: each version must be the fold of its journal up to the message it names, byte for byte.
 */
import { DeliverPolicy } from '@nats-io/jetstream';
import type { JetStreamClient, JetStreamManager, JsMsg } from '@nats-io/jetstream';
import { configSchema } from '../../../config/config.ts';
import { kindUnder, skuSettings } from '../../../deploy/sku-settings.ts';
import type { ActorRecord } from '../../../runtime/actor.ts';
import { asStored, fold, fresh } from '../../../runtime/handle.ts';
import { incoming } from '../../../runtime/journal.ts';
import type { Incoming } from '../../../runtime/handle.ts';
import { partitionOf, streams, unescapeKey } from '../../../runtime/subjects.ts';
import { push } from './history.ts';
import type { History, Version } from './history.ts';
import { waits } from './world.ts';
import type { World } from './world.ts';

const kind = kindUnder(skuSettings(configSchema.parse({ nats: { url: 'nats://127.0.0.1' }, node: { id: 'audit' }, sources: [{ source: 'erp' }], ...waits })));

/** A journal message and when the broker stored it. */
interface Entry { message: Incoming; id: string }

export interface Picture {
  /** SKU journals, by SKU. */
  journals: Map<string, Entry[]>;
  versions: History['versions'];
  epochs: History['epochs'];
  /** Ids of the messages from the source and when they were stored, epoch ms, by sequence. */
  ingested: Map<number, { id: string; at: number }>;
  /** Ids in the dead letter journal, with how often each stands there. */
  dead: Map<string, number>;
}

export interface Verdict {
  messages: number;
  versions: number;
  /** Journal messages that a record should contain and does not. */
  lost: number;
  /** Versions that name the same last message as the one before, and differ in more than their outbox. */
  doubled: number;
  /** Versions stored after a newer one. */
  reordered: number;
  /** Versions that are not the fold of their journal up to the message they name: any of the three, unseen otherwise. */
  wrong: number;
  /** Dead letters or fired timers that no stored record asked for. */
  causeless: number;
  /** Effects that a stored record asked for and nobody performed. */
  unperformed: number;
  /** The first few, told in full. */
  details: string[];
}

type Blame = 'lost' | 'doubled' | 'reordered' | 'wrong' | 'causeless' | 'unperformed';

/** Reads everything. The round must have come to rest. */
export async function look(js: JetStreamClient, jsm: JetStreamManager, { versions, epochs }: History): Promise<Picture> {
  const picture: Picture = { journals: new Map(), versions, epochs, ingested: new Map(), dead: new Map() };
  await each(js, jsm, streams.sku, message => {
    const sku = unescapeKey(message.subject.slice(message.subject.lastIndexOf('.') + 1));
    push(picture.journals, sku, { message: incoming(plain(message)), id: message.headers?.get('Nats-Msg-Id') ?? '' });
  });
  await each(js, jsm, streams.ingest, message => {
    const { seq, at } = plain(message);
    picture.ingested.set(seq, { id: message.headers?.get('Nats-Msg-Id') ?? '', at });
  });
  await each(js, jsm, streams.dead, message => {
    const id = message.headers?.get('Nats-Msg-Id') ?? '';
    picture.dead.set(id, (picture.dead.get(id) ?? 0) + 1);
  });
  return picture;
}

/**
 * @param current the records as KV holds them now, by SKU
 * @param acknowledged ids that the broker said it has
 */
export function judge({ journals, versions, ingested, dead }: Picture, current: ReadonlyMap<string, string>, acknowledged: { sku: ReadonlySet<string>; ingest: ReadonlySet<string> }): Verdict {
  const verdict: Verdict = { messages: 0, versions: 0, lost: 0, doubled: 0, reordered: 0, wrong: 0, causeless: 0, unperformed: 0, details: [] };
  const blame = (what: Blame, count: number, detail: string): void => {
    verdict[what] += count;
    if (verdict.details.length < 12) verdict.details.push(`${what}: ${detail}`);
  };
  const journaled = new Set([...journals.values()].flatMap(entries => entries.map(({ id }) => id)));
  for (const id of acknowledged.sku) if (!journaled.has(id)) blame('lost', 1, `the broker acknowledged ${id}, and it is in no journal`);
  const raw = new Set(Array.from(ingested.values(), ({ id }) => id));
  for (const id of acknowledged.ingest) if (!raw.has(id)) blame('lost', 1, `the broker acknowledged ${id}, and it is not in the source's journal`);
  // Of an earlier version the sequence alone is the name.
  for (const [seq, { id, at }] of ingested) if (!journaled.has(`in:erp:${seq}.${at}`) && !journaled.has(`in:erp:${seq}`)) blame('lost', 1, `${id} of the source reached no SKU`);
  const asked = new Set<string>();
  for (const [sku, entries] of journals) {
    verdict.messages += entries.length;
    const stored = versions.get(sku) ?? [];
    verdict.versions += stored.length;
    for (let n = 1; n < stored.length; n++) {
      const [before, after] = [stored[n - 1]!, stored[n]!];
      if (after.record.applied < before.record.applied) blame('reordered', 1, `${sku}: ${after.record.applied} was stored after ${before.record.applied}`);
      else if (after.record.applied === before.record.applied && atRest(after) !== atRest(before)) blame('doubled', 1, `${sku}: revisions ${before.revision} and ${after.revision} both end at ${after.record.applied}`);
    }
    const byApplied = Map.groupBy(stored, version => version.record.applied);
    const timers = new Set<string>();
    let hot = fresh(kind, sku);
    for (const { message, id } of entries) {
      const fired = message.body as { type: string; id: string; at: number };
      if (fired.type === 'timer.due' && !timers.has(`${fired.id}@${fired.at}`)) blame('causeless', 1, `${sku}: timer ${fired.id}@${fired.at} fired as ${id}, and no record held it`);
      const next = fold(kind, hot, [message])!;
      if (next.poison) throw next.poison;
      // What sources are asked for conflates: the newest question of a SKU is the only one that is kept.
      for (const { to, id: effect } of next.record.outbox) if (to[0] === 'dead') asked.add(effect);
      for (const [timer, { at }] of Object.entries(next.record.due)) timers.add(`${timer}@${at}`);
      const record = { ...next.record, outbox: [] };
      hot = { record, state: next.state, revision: 0 };
      for (const version of byApplied.get(message.seq) ?? []) {
        if (atRest(version) === JSON.stringify(asStored(kind, record))) continue;
        blame('wrong', 1, `${sku}: revision ${version.revision} is not the fold of its journal up to ${message.seq}\n  stored ${version.bytes}\n  folded ${JSON.stringify(asStored(kind, record))}`);
      }
    }
    const bytes = current.get(sku);
    const applied = bytes === undefined ? 0 : (JSON.parse(bytes) as ActorRecord).applied;
    const missing = entries.filter(({ message }) => message.seq > applied).length;
    if (missing > 0) blame('lost', missing, `${sku}: the record ends at ${applied}, its journal at ${entries.at(-1)!.message.seq}`);
    else if (bytes !== JSON.stringify(asStored(kind, hot.record))) blame('wrong', 1, `${sku}: the record is not the fold of its journal\n  stored ${bytes}\n  folded ${JSON.stringify(asStored(kind, hot.record))}`);
  }
  for (const id of asked) if (!dead.has(id)) blame('unperformed', 1, `dead letter ${id} was never published`);
  for (const id of dead.keys()) if (!asked.has(id)) blame('causeless', 1, `dead letter ${id} was published, and no record asked for it`);
  return verdict;
}

/** The bytes of a record that contains its whole journal, but for some messages that were left out. */
export async function foldOf({ js, jsm, history }: World, sku: string, without: readonly number[] = []): Promise<string> {
  const { journals } = await look(js, jsm, history);
  const messages = (journals.get(sku) ?? []).map(({ message }) => message).filter(({ seq }) => !without.includes(seq));
  const { record } = fold(kind, fresh(kind, sku), messages)!;
  return JSON.stringify(asStored(kind, { ...record, outbox: [] }));
}

/** A record without what it still has to perform: that depends on which messages came in one turn. */
function atRest({ record }: Version): string {
  return JSON.stringify({ ...record, outbox: [] });
}

/** How long each of these partitions left its messages waiting from `from` on, ms: until the first one after it was stored. */
export function takeOver({ journals, versions }: Picture, partitions: readonly number[], from: number): number[] {
  const first = new Map<number, number>();
  for (const [sku, entries] of journals) {
    const partition = partitionOf(sku);
    const next = entries.find(({ message }) => message.at >= from);
    if (!next) continue;
    const version = versions.get(sku)?.find(({ record }) => record.applied >= next.message.seq);
    if (version) first.set(partition, Math.min(first.get(partition) ?? Infinity, version.at));
  }
  return partitions.map(partition => Math.max(0, (first.get(partition) ?? Infinity) - from));
}

/** The longest wait of a message of each of these partitions, of those that came between the two times, ms. */
export function longestWait({ journals, versions }: Picture, partitions: readonly number[], from: number, to: number): number[] {
  const longest = new Map<number, number>();
  for (const [sku, entries] of journals) {
    const partition = partitionOf(sku);
    const stored = versions.get(sku) ?? [];
    let n = 0;
    for (const { message } of entries) {
      while (n < stored.length && stored[n]!.record.applied < message.seq) n += 1;
      if (message.at < from || message.at > to) continue;
      const waited = (stored[n]?.at ?? Infinity) - message.at;
      longest.set(partition, Math.max(longest.get(partition) ?? 0, waited));
    }
  }
  return partitions.map(partition => longest.get(partition) ?? 0);
}

/** Partitions that a node owned at a time. */
export function owned({ epochs }: Picture, node: string, at: number): number[] {
  return [...epochs].filter(([, changes]) => changes.findLast(change => change.at <= at)?.owner === node).map(([partition]) => partition);
}

/** As the nodes read it, from what the client's own reading gives. */
function plain({ seq, timestampNanos, data, headers }: JsMsg): Parameters<typeof incoming>[0] {
  return { seq, at: Number(timestampNanos / 1_000_000n), data, header: name => headers?.get(name) || undefined };
}

async function each(js: JetStreamClient, jsm: JetStreamManager, stream: string, take: (message: JsMsg) => void): Promise<void> {
  const { state } = await jsm.streams.info(stream);
  if (state.messages === 0) return;
  const consumer = await js.consumers.get(stream, { deliver_policy: DeliverPolicy.All });
  const messages = await consumer.consume({ max_messages: 2_000, expires: 5_000, idle_heartbeat: 1_000 });
  for await (const message of messages) {
    take(message);
    if (message.seq >= state.last_seq) break;
  }
}
