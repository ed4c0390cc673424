/**
 * Undoing what sources said: each SKU's number goes back to what it was before, plus what was added and taken since, told
 * to its journal as a fact of its own. Orders that came meanwhile stay as they are.
 */
import type { NatsConnection } from 'nats';
import { lotsOf } from '../actors/sku/lots.ts';
import type { SkuFact, Stock, StockFact } from '../actors/sku/protocol.ts';
import { undoMark } from '../runtime/account/holds.ts';
import { encodeJournal, journalHeaders } from '../runtime/codec.ts';
import type { Incoming } from '../runtime/handle.ts';
import { incoming } from '../runtime/journal.ts';
import type { Publisher } from '../runtime/publisher.ts';
import { readAll } from '../runtime/read-all.ts';
import { controlSubject, lastToken, skuSubject, streams, unescapeKey } from '../runtime/subjects.ts';
import { readIncident, replayOf } from './replay.ts';

/** One number that goes back, or why it does not. */
export interface Restoring { sku: string; source: string; location: string; from: number; to: number; skip?: string }

/** A decision of a person about a held batch, as it stands in the journal. */
interface Decision { op: string; move?: string; at?: number; batch?: { sku: string; correlation: string }[] }

/** Events of each SKU that are to be undone, by correlation. */
export type Undoing = Map<string, Set<string>>;

/** What was behind the batch that was released last. @returns undefined where none is in the journal */
export async function lastReleased(nc: NatsConnection, account: string, move: string): Promise<Undoing | undefined> {
  let found: { at: number; undoing: Undoing } | undefined;
  await readAll(nc, { stream: streams.attempt, filter: controlSubject(account) }, message => {
    const { op, move: what, at = 0, batch = [] } = incoming(message).body as Decision;
    if (op !== 'release' || what !== move) return;
    // A large batch is several entries of one time.
    if (found?.at !== at) found = { at, undoing: new Map() };
    for (const { sku, correlation } of batch) add(found.undoing, sku, correlation);
  });
  return found?.undoing;
}

/** What a source said within a time, epoch ms. */
export async function saidBy(nc: NatsConnection, source: string, since: number, until: number): Promise<Undoing> {
  const undoing: Undoing = new Map();
  await readAll(nc, { stream: streams.sku, filter: 'sku.>' }, message => {
    if (message.at < since || message.at > until) return;
    const { body, correlation } = incoming(message);
    if (isStock(body) && body.source === source) add(undoing, unescapeKey(lastToken(message.subject)), correlation);
  });
  return undoing;
}

/** What becomes of one SKU's numbers when these events are undone. */
export async function planUndo(nc: NatsConnection, sku: string, correlations: ReadonlySet<string>): Promise<Restoring[]> {
  const incident = await readIncident(nc, sku);
  const replay = replayOf(incident);
  const isBad = ({ body, correlation }: Pick<Incoming, 'body' | 'correlation'>): boolean => correlations.has(correlation) && isStock(body);
  let before: Stock | undefined;
  for (const message of incident.messages) {
    if (isBad(message)) before ??= replay.record.context;
    replay.step(message as Incoming);
  }
  if (!before) return [];
  const begun = incident.messages.findIndex(isBad);
  const after = incident.messages.slice(begun);
  const known = new Map(lotsOf(before));
  return lotsOf(replay.record.context).flatMap(([location, { source = '', onHand }]): Restoring[] => {
    const facts = after.filter(({ body }) => isStock(body) && body.source === source && (body.location ?? '') === location);
    if (onHand === undefined || !facts.some(isBad)) return [];
    const good = facts.filter(fact => !isBad(fact)).map(({ body }) => body as StockFact);
    const was = known.get(location)?.onHand;
    const row = { sku, source, location, from: onHand };
    if (was === undefined) return [{ ...row, to: onHand, skip: 'was never counted before' }];
    if (good.some(({ type }) => type === 'stock.counted')) return [{ ...row, to: onHand, skip: `${source} has counted it again since` }];
    const to = good.reduce((sum, fact) => sum + (fact.type === 'stock.adjusted' ? fact.delta : 0), was);
    return to === onHand ? [] : [{ ...row, to }];
  });
}

/** Tells the journals. @returns how many numbers went back */
export async function undo(publisher: Publisher, restorings: readonly Restoring[], { by, origin, reason }: { by: string; origin: string; reason: string }): Promise<number> {
  const at = Date.now();
  const id = `${undoMark}${origin}:${at}`;
  const due = restorings.filter(({ skip }) => skip === undefined);
  for (const { sku, source, location, to } of due) {
    const fact: SkuFact = { type: 'stock.restored', source, quantity: to, by, ...(location !== '' && { location }) };
    await publisher.publish(skuSubject(sku), encodeJournal(fact), journalHeaders({ id: `${id}:${sku}:${location}`, correlation: id }));
  }
  await publisher.publish(controlSubject(origin), encodeJournal({ op: 'undo', account: origin, by, at, reason, numbers: due.length }), journalHeaders({ id: `control:${id}` }));
  return due.length;
}

function isStock(body: unknown): body is StockFact {
  const { type, position } = (body ?? {}) as { type?: string; position?: unknown };
  return type !== undefined && type.startsWith('stock.') && position !== undefined;
}

function add(undoing: Undoing, sku: string, correlation: string): void {
  const known = undoing.get(sku);
  if (known) known.add(correlation);
  else undoing.set(sku, new Set([correlation]));
}
