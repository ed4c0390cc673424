/**
 * Makes the journal anew on a broker that lost it: from the archive, the channels and the sources, or without the archive.
 * Nodes are stopped meanwhile; when they start they fold what stands there, and raise nothing before every write from
 * before can no longer take effect (P12). Begun again where it was broken off.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Config } from '../../config/config.ts';
import type { NamesRecord } from '../../runtime/account/names.ts';
import { headOf } from '../../runtime/archive/chain.ts';
import type { ArchiveStore } from '../../runtime/archive/store.ts';
import { inBatches } from '../../runtime/batches.ts';
import { perform } from '../../runtime/perform.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { Records } from '../../runtime/records.ts';
import { isNamesSubject, keyFor, namesSubject, rebuildSubject, streams, unescapeKey } from '../../runtime/subjects.ts';
import type { Rule } from '../../actors/sku/protocol.ts';
import { archivedStreams } from '../archive/streams.ts';
import { exposureSettings, longestLifeMs } from '../exposure-terms.ts';
import { makeAnew, refuseNodes } from './broker.ts';
import { bucketIn, foldArchive, openTasksIn } from './fold.ts';
import type { Folded } from './fold.ts';
import { readListings } from './listings.ts';
import type { AccountListings } from './listings.ts';
import type { RebuildRecord } from './record.ts';
import { tellAll } from './tell.ts';
import type { SkuToTell } from './tell.ts';
import { sentences, unknownOf } from './unknown.ts';
import type { Unknown } from './unknown.ts';

export interface RebuildOptions {
  nc: NatsConnection;
  config: Config;
  /** Undefined: from ERP and channels alone. */
  archive: ArchiveStore | undefined;
  /** The latest that a node may have sent something, epoch ms. */
  lostAt: number;
  discard: boolean;
  now(): number;
  onProgress(step: 'archived messages' | 'listings' | 'SKUs', done: number, total: number): void;
}

export interface Rebuilt {
  record: RebuildRecord;
  /** Of the archive. */
  messages: number;
  tasks: number;
  rules: number;
  unknown: Unknown[];
  sentences: string[];
  /** How long each step took, ms. */
  tookMs: Record<'fold' | 'listings' | 'tell', number>;
}

/** Sequences that may have been given out since the archive ends: what is made from them must not be made again. */
const skipped = 10_000_000;

/** @throws {RebuildError}, {ArchiveError}, {PublishError} */
export async function rebuild({ nc, config, archive, lostAt, discard, now, onProgress }: RebuildOptions): Promise<Rebuilt> {
  const startedAt = now();
  const until = lostAt + longestLifeMs(exposureSettings(config)) + config.exposure.marginMs;
  const firstSeq = await sequencesBehind(archive, startedAt);
  const thrownAway = await makeAnew(nc, { replicas: config.nats.replicas, firstSeq, discard });
  const publisher = new Publisher(nc, '_INBOX_cli');
  const records = new Records(publisher);
  try {
    const begun: RebuildRecord = { v: 1, run: crypto.randomUUID().slice(0, 8), from: archive ? 'archive' : 'erp', lostAt, until, startedAt };
    await records.set(rebuildSubject, begun);
    const clock = lap();
    // Both wait most of the time: one for the store, the other for rates.
    const reading = readListings(config, progressOf(config, onProgress));
    const folded: Folded = archive ? await foldArchive(archive, messages => onProgress('archived messages', messages, messages)) : { skus: new Map(), messages: 0, lastAt: 0, stuck: [] };
    const fold = clock();
    const accounts = await reading;
    const listings = clock();
    const listed = archive ? await bucketIn(archive, streams.listings) : new Map<string, Buffer>();
    const { skus, noKey } = joined(folded, accounts, config, listed);
    const kept = archive ? await keepBeside(archive, publisher, listed) : { tasks: 0, rules: 0 };
    await tellAll({ publisher, run: begun.run, until, cap: config.exposure.cap, now }, skus, done => onProgress('SKUs', done, skus.length));
    // One that began meanwhile would have taken half of it for all.
    await refuseNodes(await jetstreamManager(nc));
    const record: RebuildRecord = { ...begun, overAt: now(), skus: skus.length, listings: skus.reduce((sum, { linked }) => sum + linked.length, 0) };
    await records.set(rebuildSubject, record);
    return {
      record, messages: folded.messages, ...kept,
      unknown: [...unknownOf(skus, accounts, folded.stuck, archive !== undefined), ...noKey],
      sentences: sentences(archive && { from: folded.lastAt, to: lostAt }, { thrownAway }),
      tookMs: { fold, listings, tell: clock() },
    };
  } finally {
    publisher.close();
  }
}

/** Signatures and ids are made from sequences: none may name another message than it did. */
async function sequencesBehind(archive: ArchiveStore | undefined, at: number): Promise<Record<string, number>> {
  const firstSeq: Record<string, number> = {};
  for (const stream of archivedStreams) {
    const last = archive && (await headOf(archive, stream))?.manifest.last;
    // Without an archive nobody knows how many there were: fewer than milliseconds since 1970.
    firstSeq[stream] = last === undefined ? (archive ? skipped : at) : last + skipped;
  }
  return firstSeq;
}

function progressOf({ accounts }: Config, onProgress: RebuildOptions['onProgress']): (account: string, listings: number) => void {
  const read = new Map<string, number>(accounts.map(({ account }) => [account, 0]));
  return (account, listings) => {
    read.set(account, listings);
    const all = [...read.values()].reduce((sum, each) => sum + each, 0);
    onProgress('listings', all, all);
  };
}

/** @param listed the bucket of listings, of which SKUs that people gave count here */
export function joined({ skus: known }: Pick<Folded, 'skus'>, accounts: readonly AccountListings[], config: Pick<Config, 'accounts'>, listed: ReadonlyMap<string, Buffer>): { skus: SkuToTell[]; noKey: Unknown[] } {
  const all = new Map<string, SkuToTell>([...known].map(([sku, folded]) => [sku, { sku, known: folded, linked: [] }]));
  const noKey: Unknown[] = [];
  for (const { account, gross, readings } of accounts) {
    const rule = ruleOf(config, account);
    const given = listed.get(namesSubject(account));
    const names = new Map(given && (JSON.parse(given.toString()) as NamesRecord).names.map(([listing, name, sku]) => [JSON.stringify([listing, name]), sku]));
    for (const { listing: { id, sku: name, fields }, quantity } of readings) {
      const sku = names.get(JSON.stringify([id, name])) ?? name;
      if (keyFor(sku) !== sku) {
        noKey.push({ what: 'no-key', account, sku, detail: `listing ${id} has a SKU that is empty, broken or too long to be kept` });
        continue;
      }
      const found = all.get(sku) ?? { sku, linked: [] };
      found.linked.push({ account, listing: { id, fields }, quantity, gross, rule });
      all.set(sku, found);
    }
  }
  return { skus: [...all.values()], noKey };
}

/** What is not set is absent, not undefined. */
function ruleOf({ accounts }: Pick<Config, 'accounts'>, account: string): Rule {
  return Object.fromEntries(Object.entries(accounts.find(each => each.account === account)!.rule).filter(([, value]) => value !== undefined)) as unknown as Rule;
}

const atOnce = 500;

/** Rules with their versions, SKUs that people gave listings, the settings of before, and tasks that were open. */
async function keepBeside(archive: ArchiveStore, publisher: Publisher, listed: ReadonlyMap<string, Buffer>): Promise<{ tasks: number; rules: number }> {
  const settings = await bucketIn(archive, streams.settings);
  const rules = [...listed].filter(([subject]) => subject.startsWith('$KV.listing.rules.'));
  const names = [...listed].filter(([subject]) => isNamesSubject(subject));
  const values = [...settings, ...rules, ...names];
  await inBatches(values, atOnce, ([subject, data]) => publisher.publish(subject, data));
  const tasks = await openTasksIn(archive);
  for (const { subject, body } of tasks) {
    const [first, ...rest] = subject.split('.') as [string, ...string[]];
    await perform(publisher, [{ to: [first, ...rest.map(unescapeKey)], id: body.id, body }]);
  }
  return { tasks: tasks.length, rules: rules.length };
}

function lap(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const took = Math.round(now - last);
    last = now;
    return took;
  };
}
