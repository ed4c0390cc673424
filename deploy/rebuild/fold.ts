/** Every SKU as the archive knows it: all archived journals folded at once, each segment read once. */
import type { Stock } from '../../actors/sku/protocol.ts';
import { isOpen, noteDead } from '../../actors/reconciler/dead-letters.ts';
import type { DeadBody, DeadCase } from '../../actors/reconciler/dead-letters.ts';
import type { ActorRecord, PublishEffect } from '../../runtime/actor.ts';
import { segmentsOf } from '../../runtime/archive/read.ts';
import type { ArchivedMessage } from '../../runtime/archive/segment.ts';
import type { ArchiveStore } from '../../runtime/archive/store.ts';
import type { Incoming, RuntimeFact } from '../../runtime/handle.ts';
import { leftOut, Replay } from '../../runtime/replay.ts';
import type { Dated } from '../../runtime/settings-history.ts';
import { lastToken, streams, unescapeKey } from '../../runtime/subjects.ts';
import { archivedFact, archivedSettings } from '../archive/facts.ts';
import { kindsUnder } from '../replay.ts';
import type { SkuSettings } from '../sku-settings.ts';
import { RebuildError } from './record.ts';

export interface FoldedSku {
  /** As stored; its outbox is what its last facts asked for, which may not have been performed. */
  record: ActorRecord<unknown>;
  stock: Stock;
}

export interface Folded {
  skus: Map<string, FoldedSku>;
  messages: number;
  /** The last fact that is archived, epoch ms; 0 for none. */
  lastAt: number;
  /** SKUs whose journal an actor throws on: they stand as they were before that message. */
  stuck: { sku: string; seq: number; error: string }[];
}

/** Keys that a person released without a message: their journals are folded apart, with all of it known. */
interface Apart { again: Set<string>; poisoned: Map<string, { seq: number; error: string }> }

/** SKUs that are folded before others get a turn. */
const breathEvery = 2_000;

/** @throws {RebuildError} when the archive has no settings; {ArchiveError} when it is not what it should be */
export async function foldArchive(store: ArchiveStore, onProgress: (messages: number) => void): Promise<Folded> {
  const kindAt = kindsUnder(await settingsIn(store));
  const folds = new Map<string, Replay<Stock>>();
  const effects = new Map<string, readonly PublishEffect[]>();
  const apart: Apart = { again: new Set(), poisoned: new Map() };
  let messages = 0;
  let lastAt = 0;
  const step = (sku: string, replay: Replay<Stock>, message: Incoming): void => {
    const { poison, effects: asked } = replay.step(message);
    if (poison) apart.poisoned.set(sku, { seq: message.seq, error: poison.message });
    else if (asked.length > 0) effects.set(sku, asked);
  };
  for await (const segment of segmentsOf(store, streams.sku)) {
    for (const archived of segment.messages) {
      const sku = skuOf(archived);
      if (sku === undefined) continue;
      const message = archivedFact(archived);
      if ((message.body as RuntimeFact | undefined)?.type === 'quarantine.released') apart.again.add(sku);
      let replay = folds.get(sku);
      if (!replay) folds.set(sku, replay = new Replay(sku, kindAt));
      if (!apart.again.has(sku) && !apart.poisoned.has(sku)) step(sku, replay, message);
      if (++messages % breathEvery === 0) await new Promise(resolve => { setImmediate(resolve); });
    }
    lastAt = Math.max(lastAt, segment.manifest.lastAt);
    onProgress(messages);
  }
  for (const [sku, journal] of await journalsOf(store, apart.again)) {
    const replay = new Replay(sku, kindAt, leftOut(journal));
    folds.set(sku, replay);
    apart.poisoned.delete(sku);
    for (const message of journal) if (!apart.poisoned.has(sku)) step(sku, replay, message);
  }
  const skus = new Map<string, FoldedSku>();
  for (const [sku, replay] of folds) {
    if (replay.record.applied === 0) continue;
    skus.set(sku, { record: { ...replay.stored, outbox: [...effects.get(sku) ?? []] }, stock: replay.record.context });
  }
  return { skus, messages, lastAt, stuck: [...apart.poisoned].map(([sku, why]) => ({ sku, ...why })) };
}

async function settingsIn(store: ArchiveStore): Promise<Dated<SkuSettings>[]> {
  const history = await archivedSettings(store);
  if (history.length === 0) throw new RebuildError(`${store.name} has no settings that journals were folded under: it cannot be rebuilt from; plumb rebuild without --from-archive asks ERP and channels alone`);
  return history;
}

async function journalsOf(store: ArchiveStore, wanted: ReadonlySet<string>): Promise<Map<string, Incoming[]>> {
  const journals = new Map<string, Incoming[]>();
  if (wanted.size === 0) return journals;
  for await (const { messages } of segmentsOf(store, streams.sku)) {
    for (const archived of messages) {
      const sku = skuOf(archived);
      if (sku === undefined || !wanted.has(sku)) continue;
      const journal = journals.get(sku);
      if (journal) journal.push(archivedFact(archived));
      else journals.set(sku, [archivedFact(archived)]);
    }
  }
  return journals;
}

function skuOf({ subject }: ArchivedMessage): string | undefined {
  try {
    const token = lastToken(subject);
    return token.startsWith('_') ? undefined : unescapeKey(token);
  } catch {
    return undefined;
  }
}

/** The newest value of each key of a bucket; deleted ones left out. */
export async function bucketIn(store: ArchiveStore, stream: string): Promise<Map<string, Buffer>> {
  const values = new Map<string, Buffer>();
  for await (const { messages } of segmentsOf(store, stream)) {
    for (const { subject, data } of messages) {
      if (data.length > 0) values.set(subject, data);
      else values.delete(subject);
    }
  }
  return values;
}

/** Tasks that were open. */
export async function openTasksIn(store: ArchiveStore): Promise<DeadCase[]> {
  const cases = new Map<string, DeadCase>();
  for await (const { messages } of segmentsOf(store, streams.dead)) {
    for (const { subject, seq, at, data } of messages) {
      const found = noteDead(cases.get(subject), { subject, seq, at, body: JSON.parse(data.toString()) as DeadBody });
      if (found) cases.set(subject, found);
    }
  }
  return [...cases.values()].filter(isOpen);
}
