/**
 * What follows from a loss (P12), before anything else is published: the journal is brought forward, so that no sequence
 * names two messages; records that hold more than their journal say so in it; every SKU in escrow is told that its
 * ledger lost writes; sources are asked for their numbers. Each step can be repeated: a node that dies in the middle
 * leaves the loss open, and the next one goes on.
 */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import type { PackedStock } from '../../actors/sku/packing.ts';
import type { SkuFact } from '../../actors/sku/protocol.ts';
import type { ActorRecord } from '../actor.ts';
import { inBatches } from '../batches.ts';
import { PublishError } from '../publisher.ts';
import { readAll } from '../read-all.ts';
import { askSubject, brokerLossSubject, deadSubject, lastToken, lostSubject, skuRecordSubject, skuSubject, streams } from '../subjects.ts';
import type { Direct } from './direct.ts';
import type { Loss } from './find.ts';

/** Stands in `$KV.channel._broker.loss`. `id` is another one with each loss. */
export interface LossRecord { v: 1; id: string; node: string; losses: Loss[]; isOver: boolean }

export interface RecoveryPorts {
  nc: NatsConnection;
  direct: Direct;
  log: Logger;
  node: string;
  /** What was sent before the loss may take effect for so long, ms. */
  lifeMs: number;
}

/** Records are of another journal than the one that is there: nothing can be made good. */
export class StrangeJournalError extends Error {
  override readonly name = 'StrangeJournalError';
}

/** A journal that is so far behind is another one: nothing fills that up. */
const fillMost = 1_000_000;
const atOnce = 200;

export async function lossRecordOf(direct: Direct): Promise<LossRecord | undefined> {
  const found = await direct.find(streams.channelRecords, { last_by_subj: brokerLossSubject });
  return found && JSON.parse(found.data.toString()) as LossRecord;
}

/** @returns the loss as it stands, over by now */
export async function recover(ports: RecoveryPorts, losses: Loss[], before: LossRecord | undefined): Promise<LossRecord> {
  const { direct, log, node } = ports;
  const open: LossRecord = before && !before.isOver
    ? { ...before, losses: [...before.losses, ...losses] }
    : { v: 1, id: `${node}-${crypto.randomUUID().slice(0, 8)}`, node, losses, isOver: false };
  log.error({ losses: open.losses }, 'the broker lost what it had acknowledged');
  await direct.json(brokerLossSubject, open);
  const { at } = (await direct.find(streams.channelRecords, { last_by_subj: brokerLossSubject }))!;
  const records = await recordsOf(ports.nc);
  const lostFacts = open.losses.filter(({ stream }) => stream === streams.sku);
  if (lostFacts.length > 0) {
    const named = [...lostFacts.map(({ had, isRebuilt }) => (isRebuilt ? 0 : had)), ...records.map(({ applied }) => applied)];
    await bringForward(ports, named.reduce((most, seq) => Math.max(most, seq), 0));
    await inBatches(records.filter(({ applied }) => applied > Math.min(...lostFacts.map(({ has }) => has))), atOnce, record => keep(ports, open, record));
  }
  const asked = open.losses.some(({ stream }) => stream !== streams.skuRecords) ? records : [];
  await inBatches(asked, atOnce, record => ask(ports, open, record, at));
  if (lostFacts.length > 0) await inBatches(records.filter(({ context }) => context.exposure), atOnce, record => tell(ports, open, record, at));
  await direct.json(deadSubject('loss', 'broker', open.id), {
    class: 'loss', at, losses: open.losses,
    message: `the broker lost what it had acknowledged: ${open.losses.map(inWords).join('; ')}`,
    heals: 'nothing is to be done for stock, which is counted and read again; look why: sync_interval, disks, a backup that was put back; then plumb dead resolve',
  }, `dead:loss:${open.id}`);
  const over = { ...open, isOver: true };
  await direct.json(brokerLossSubject, over);
  return over;
}

function inWords({ stream, had, has, isRebuilt }: Loss): string {
  return isRebuilt ? `${stream} was made anew and had ${had} messages` : had > has ? `${stream} ends at ${has}, and was at ${had}` : `${stream} does not hold what was stored there before ${had}`;
}

type SkuRecord = ActorRecord<PackedStock>;

async function recordsOf(nc: NatsConnection): Promise<SkuRecord[]> {
  const records: SkuRecord[] = [];
  await readAll(nc, { stream: streams.skuRecords, filter: '$KV.sku.>', from: 'last-per-subject' }, message => {
    if (!lastToken(message.subject).startsWith('_') && message.data.length > 0) records.push(message.json<SkuRecord>());
  });
  return records;
}

/** What comes has sequences that nothing stored has named before. */
async function bringForward({ direct, log }: RecoveryPorts, to: number): Promise<void> {
  const { lastSeq } = await direct.stateOf(streams.sku);
  const missing = to - lastSeq;
  if (missing <= 0) return;
  if (missing > fillMost) throw new StrangeJournalError(`stream ${streams.sku} ends at ${lastSeq}, and records hold messages up to ${to}: they are not of one broker, put back a backup that holds both`);
  log.warn({ from: lastSeq, to }, 'the journal is brought forward');
  await inBatches(Array.from({ length: missing }, (_, n) => n), atOnce, n => direct.fact(lostSubject, { type: 'lost' }, { id: `lost:${lastSeq}:${n}` }));
}

/** A record that has applied what its journal lost is put into it as it is: its fold stays what it is. */
async function keep({ direct }: RecoveryPorts, { id }: LossRecord, { context: { sku } }: SkuRecord): Promise<void> {
  for (;;) {
    const stored = await direct.find(streams.skuRecords, { last_by_subj: skuRecordSubject(sku) });
    if (!stored || stored.data.length === 0) return;
    const { outbox: _performed, quarantined, ...record } = JSON.parse(stored.data.toString()) as SkuRecord;
    const last = (await direct.find(streams.sku, { last_by_subj: skuSubject(sku) }))?.seq ?? 0;
    if (quarantined || last >= record.applied) return;
    try {
      await direct.fact(skuSubject(sku), { type: 'record.kept', record }, { id: `kept:${sku}:${id}` }, last);
      return;
    } catch (error) {
      // Somebody told the SKU something meanwhile.
      if (!(error instanceof PublishError && error.isConflict)) throw error;
    }
  }
}

async function tell({ direct, lifeMs }: RecoveryPorts, { id }: LossRecord, { context: { sku } }: SkuRecord, at: number): Promise<void> {
  // What a cell was allowed at most is forgotten too: its cap stands in.
  await direct.fact(skuSubject(sku), { type: 'ledger.lost', until: at + lifeMs, allowed: {} } satisfies SkuFact, { id: `ledger.lost:${sku}:${id}` });
}

async function ask({ direct }: RecoveryPorts, { id }: LossRecord, { context: { sku, source, lots = {} } }: SkuRecord, at: number): Promise<void> {
  const sources = new Map(Object.entries(lots).map(([location, lot]) => [location, lot.source]));
  if (source !== undefined) sources.set('', source);
  for (const [location, of] of sources) {
    if (of !== undefined) await direct.json(askSubject(of, sku), { sku, ...(location !== '' && { location }), source: of, missing: 'a count', since: at }, `ask:${sku}:${id}:${location}`);
  }
}
