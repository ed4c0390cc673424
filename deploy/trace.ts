/**
 * Chains of one SKU as the journals tell them: source event, fact, decision, attempts, answers, proof. The decisions
 * come from folding the SKU's journal again, so that what is shown is what was decided, with its inputs.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Exchange } from '../actors/channel/adapter.ts';
import { lotsOf } from '../actors/sku/lots.ts';
import { eachOf } from '../actors/sku/protocol.ts';
import type { Intent, OneFact, Rule, SkuFact, Stock } from '../actors/sku/protocol.ts';
import { known } from '../actors/sku/stock.ts';
import type { ActorRecord } from '../runtime/actor.ts';
import { decode } from '../runtime/codec.ts';
import type { Incoming } from '../runtime/handle.ts';
import { readAll } from '../runtime/read-all.ts';
import type { StreamMessage } from '../runtime/stream-message.ts';
import { callSubject, escapeKey, lastToken, streams, unescapeKey } from '../runtime/subjects.ts';
import { readIncident, replayOf } from './replay.ts';

/** What the number followed from. Units; `sold` is what channels sold and no count contains. */
export type Inputs = { available: number } & ({ onHand: number; reserved: number; sold: number } | { parts: Record<string, number | null> });

export interface DecisionStep {
  step: 'decision';
  /** Place in the SKU journal; it is also the intent's version. */
  seq: number;
  quantity: number;
  kind: Intent['kind'];
  lane: Intent['lane'];
  rule: Rule;
  /** Of a rule that people set. */
  ruleVersion?: number;
  inputs: Inputs;
  /** How long a raise waited for quiet since the first fact that asked for it, ms. */
  waitedMs: number;
}

export type Told =
  /** The source's message as it came; `gone` when INGEST keeps it no more. */
  | { step: 'source'; source: string; seq: number; message?: unknown; gone?: true }
  /** `sku` is another's where that told this one: a part of a kit. `id` is the message's. */
  | { step: 'fact'; sku: string; seq: number; id: string; fact: unknown }
  | DecisionStep
  /** One call that carried the job; `key` is what the channel was given to know a repeat by. */
  | { step: 'attempt'; op: 'write' | 'read' | 'feed'; attempt: number; key: string; quantity: number; outcome: { kind: string; [more: string]: unknown }; exchanges: Exchange[] }
  | { step: 'answer'; seq: number; outcome: string; quantity: number; until?: number; code?: string; message?: string }
  | { step: 'reading'; seq: number; verdict: string; quantity: number; finding?: string }
  | { step: 'proof'; seq: number; quantity: number; by: 'write' | 'read' };

/** `at`: epoch ms; of attempts by the node's clock, of the rest by the broker's. `afterMs`: since the step before. */
export type TraceStep = Told & { at: number; afterMs: number };

export interface Chain {
  sku: string;
  account: string;
  signature: string;
  /** Id of the first source event. */
  correlation: string;
  state: 'proven' | 'refused' | 'superseded' | 'open';
  /** Signature of the intent that took its place before it was proven. */
  supersededBy?: string;
  steps: TraceStep[];
  tookMs: number;
}

export interface Trace {
  sku: string;
  /** Facts in its journal. */
  facts: number;
  state: unknown;
  available: number | null;
  /** The newest last. */
  chains: Chain[];
}

/** What the fold tells of one intent. */
interface Decided {
  account: string;
  intent: Intent;
  /** The fact behind it, in the SKU's own journal. */
  fact: Incoming | undefined;
  told: (Told & { at: number })[];
  isProven: boolean;
  refused: boolean;
  supersededBy?: string;
}

interface Entry { sku: string; signature: string; key: string; quantity: number; attempt: number; outcome: { kind: string } }
interface CallBody { op: 'write' | 'read' | 'feed'; account: string; at: number; call: string; exchanges?: Exchange[] }
/** What is stored of one listing's part in a call. */
export type AttemptBody = CallBody & Entry;
export interface Attempt { seq: number; id: string; body: AttemptBody }

const callToken = lastToken(callSubject('any'));
/** A call is journaled when it is over, and its answer at once then, ms; a busy broker may take longer. */
const callWithinMs = { before: 60_000, after: 10_000 };
/** A write names its call with its first listing; the others' exchange stands there. At most so many messages before, besides its own call's. */
const callSlack = 500;
/** Parts of kits are followed so far. */
const hopsMax = 5;

/**
 * @param of which chains: the one with this signature, or the newest `last` of each account, or of one
 * @throws {Error} when the connection is closed; {NoSettingsError}; {RangeError} for a name that no SKU can have
 */
export async function traceSku(nc: NatsConnection, sku: string, of: { signature: string } | { last: number; account?: string | undefined }): Promise<Trace> {
  const incident = await readIncident(nc, sku);
  const fold = replayOf(incident);
  const decided: Decided[] = [];
  const newest = new Map<string, Decided>();
  for (const message of incident.messages) {
    const { before, after, poison } = fold.step(message);
    if (poison) break;
    for (const each of decisions(incident.messages, message, before, after)) {
      const former = newest.get(each.account);
      if (former && !former.isProven) former.supersededBy = each.intent.signature;
      decided.push(each);
      newest.set(each.account, each);
    }
    takeIn(newest, message, after);
  }
  const wanted = decided.filter(each => ('signature' in of ? each.intent.signature === of.signature : of.account === undefined || each.account === of.account));
  const shown = 'signature' in of ? wanted : wanted.filter((each, n) => wanted.slice(n + 1).filter(later => later.account === each.account).length < of.last);
  const jsm = await jetstreamManager(nc);
  const attempts = shown.length === 0 ? [] : await attemptsOf(nc, sku);
  const chains: Chain[] = [];
  for (const each of shown) {
    const { account, intent: { signature } } = each;
    const own = attempts.filter(({ body }) => body.account === account && body.signature === signature);
    chains.push(await chainOf(nc, jsm, sku, each, [...own, ...await callsOf(nc, each)]));
  }
  return { sku, facts: incident.messages.length, state: fold.record.state, available: known(fold.record.context) ?? null, chains };
}

/** The SKU of a signature: of those in force by the records, of older ones by the attempts. */
export async function skuOf(nc: NatsConnection, signature: string): Promise<string | undefined> {
  let sku: string | undefined;
  await readAll(nc, { stream: streams.skuRecords, filter: '$KV.sku.>', from: 'last-per-subject' }, message => {
    const token = lastToken(message.subject);
    if (sku !== undefined || token.startsWith('_') || message.data.length === 0) return;
    const { context } = message.json<ActorRecord<Pick<Stock, 'outlets'>>>();
    if (Object.values(context.outlets).some(({ intent }) => intent?.signature === signature)) sku = unescapeKey(token);
  });
  if (sku !== undefined) return sku;
  await readAll(nc, { stream: streams.attempt, filter: 'attempt.>' }, message => {
    if (sku !== undefined) return;
    const token = lastToken(message.subject);
    if (token === callToken) sku = entriesOf(message).find(entry => entry.signature === signature)?.sku;
    else if (message.header('Plumb-Cause') === signature) sku = unescapeKey(token);
  });
  return sku;
}

function decisions(messages: readonly Incoming[], message: Incoming, before: ActorRecord<Stock>, after: ActorRecord<Stock>): Decided[] {
  return Object.entries(after.context.outlets).flatMap(([account, { intent, rule, ruleVersion }]): Decided[] => {
    if (!intent || intent.signature === before.context.outlets[account]?.intent?.signature) return [];
    const { quantity, kind, lane, version, correlation, causeAt, decidedAt } = intent;
    const isCause = ({ seq, correlation: of, body }: Incoming): boolean => seq <= version && of === correlation && (body as { type?: string }).type !== 'timer.due';
    const decision: DecisionStep = {
      step: 'decision', seq: version, quantity, kind, lane, rule, ...(ruleVersion !== undefined && { ruleVersion }),
      inputs: inputsOf(after.context), waitedMs: decidedAt - causeAt,
    };
    return [{ account, intent, fact: messages.findLast(isCause), told: [{ ...decision, at: message.at }], isProven: false, refused: false }];
  });
}

function inputsOf(stock: Stock): Inputs {
  const available = known(stock)!;
  if (stock.kit && stock.kit.def > 0) return { available, parts: Object.fromEntries(Object.entries(stock.kit.parts).map(([part, { units }]) => [part, units ?? null])) };
  let onHand = 0;
  let reserved = 0;
  for (const [, lot] of lotsOf(stock)) {
    onHand += lot.onHand ?? 0;
    reserved += lot.reserved;
  }
  return { available, onHand, reserved, sold: onHand - reserved - available };
}

/** Answers, readings and proof belong to what was intended when they came. */
function takeIn(newest: ReadonlyMap<string, Decided>, { seq, at, body }: Incoming, after: ActorRecord<Stock>): void {
  for (const fact of eachOf(body as SkuFact)) takeOne(newest, fact, { seq, at }, after);
}

function takeOne(newest: ReadonlyMap<string, Decided>, fact: OneFact, { seq, at }: Pick<Incoming, 'seq' | 'at'>, after: ActorRecord<Stock>): void {
  if (fact.type !== 'write.answered' && fact.type !== 'observed') return;
  const of = newest.get(fact.account);
  if (!of) return;
  if (fact.type === 'write.answered') {
    const { signature, outcome, quantity, until, code, message } = fact;
    if (signature !== of.intent.signature) return;
    of.told.push({ step: 'answer', seq, at, outcome, quantity, ...(until !== undefined && { until }), ...(code !== undefined && { code }), ...(message !== undefined && { message }) });
    of.refused = outcome === 'refused';
  } else {
    const { version, verdict, quantity, finding } = fact;
    if (version !== of.intent.version) return;
    of.told.push({ step: 'reading', seq, at, verdict, quantity, ...(finding !== undefined && { finding }) });
  }
  const proof = after.context.outlets[fact.account]?.proof;
  if (of.isProven || proof?.version !== of.intent.version) return;
  of.isProven = true;
  of.told.push({ step: 'proof', seq, at, quantity: proof.quantity, by: proof.by });
}

/** Of every account, in the order of their journal. */
export async function attemptsOf(nc: NatsConnection, sku: string): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  await readAll(nc, { stream: streams.attempt, filter: `attempt.*.${escapeKey(sku)}` }, message => {
    attempts.push({ seq: message.seq, id: message.header('Nats-Msg-Id') ?? '', body: decode(message.data, message.header('Plumb-Schema')) as AttemptBody });
  });
  return attempts;
}

/** Calls that carried the job with others and went well: they came just before their answers. */
async function callsOf(nc: NatsConnection, { account, intent: { signature }, told }: Decided): Promise<Attempt[]> {
  const calls = new Map<number, Attempt>();
  for (const { step, at } of told) {
    if (step !== 'answer') continue;
    await readUntil(nc, { stream: streams.attempt, filter: callSubject(account), from: new Date(at - callWithinMs.before) }, message => {
      if (message.at > at + callWithinMs.after) return true;
      const entry = entriesOf(message).find(each => each.signature === signature);
      if (!entry) return false;
      const { op, at: sentAt, call, exchanges = [] } = decode(message.data, message.header('Plumb-Schema')) as CallBody;
      calls.set(message.seq, { seq: message.seq, id: call, body: { ...entry, op, account, at: sentAt, call, exchanges } });
      return false;
    });
  }
  return [...calls.values()];
}

function entriesOf(message: StreamMessage): Entry[] {
  return (decode(message.data, message.header('Plumb-Schema')) as { entries: Entry[] }).entries;
}

async function chainOf(nc: NatsConnection, jsm: JetStreamManager, sku: string, { account, intent, fact, told, isProven, refused, supersededBy }: Decided, attempts: readonly Attempt[]): Promise<Chain> {
  const [decision, ...after] = told as [DecisionStep & { at: number }, ...(Told & { at: number })[]];
  const tries = await Promise.all(attempts.map(async (each): Promise<Told & { at: number }> => {
    const { op, attempt, key, quantity, outcome, at } = each.body;
    return { step: 'attempt', at, op, attempt, key, quantity, outcome, exchanges: await exchangesOf(nc, each) };
  }));
  const path = [...fact ? await wayOf(jsm, sku, fact) : [], decision, ...[...tries, ...after].sort((a, b) => a.at - b.at)];
  const steps = path.map((step, n): TraceStep => ({ ...step, afterMs: n === 0 ? 0 : step.at - path[n - 1]!.at }));
  const { signature, correlation } = intent;
  return {
    sku, account, signature, correlation,
    state: isProven ? 'proven' : supersededBy !== undefined ? 'superseded' : refused ? 'refused' : 'open',
    ...(supersededBy !== undefined && { supersededBy }),
    steps,
    tookMs: steps.at(-1)!.at - steps[0]!.at,
  };
}

/** From the source's message to the fact in the SKU's journal, where it came from a source. */
async function wayOf(jsm: JetStreamManager, sku: string, { seq, at, body }: Incoming): Promise<(Told & { at: number })[]> {
  const stored = await messageAt(jsm, streams.sku, seq);
  const path: (Told & { at: number })[] = [{ step: 'fact', sku, seq, at, id: stored?.header.get('Nats-Msg-Id') ?? '', fact: body }];
  let last = { stored, fact: body as SkuFact };
  for (let hops = 0; hops < hopsMax && last.fact.type === 'part.available'; hops++) {
    const { part, version } = last.fact;
    const behind = await messageAt(jsm, streams.sku, version);
    if (!behind) break;
    last = { stored: behind, fact: decode(behind.data, behind.header.get('Plumb-Schema')) as SkuFact };
    path.unshift({ step: 'fact', sku: part, seq: version, at: behind.time.getTime(), id: behind.header.get('Nats-Msg-Id'), fact: last.fact });
  }
  const from = /^ingest:(\d+)$/.exec(last.stored?.header.get('Plumb-Cause') ?? '')?.[1];
  if (from === undefined) return path;
  const raw = await messageAt(jsm, streams.ingest, Number(from));
  if (!raw) {
    const source = (last.fact as { source?: string }).source ?? '';
    return [{ step: 'source', source, seq: Number(from), gone: true, at: path[0]!.at }, ...path];
  }
  return [{ step: 'source', source: unescapeKey(raw.subject.slice('ingest.'.length)), seq: raw.seq, message: readable(raw.data), at: raw.time.getTime() }, ...path];
}

async function messageAt(jsm: JetStreamManager, stream: string, seq: number): Promise<StoredMsg | undefined> {
  return await jsm.streams.getMessage(stream, { seq }) ?? undefined;
}

function readable(data: Uint8Array): unknown {
  const text = Buffer.from(data).toString();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Of its call: they stand with the call's first listing. None where that is not found. */
async function exchangesOf(nc: NatsConnection, { seq, id, body }: Attempt): Promise<Exchange[]> {
  if (body.exchanges) return body.exchanges;
  const place = Number(id.slice(id.lastIndexOf(':') + 1));
  let found: Exchange[] = [];
  await readUntil(nc, { stream: streams.attempt, filter: `attempt.${escapeKey(body.account)}.>`, from: Math.max(1, seq - place - callSlack) }, message => {
    if (message.seq >= seq) return true;
    const other = decode(message.data, message.header('Plumb-Schema')) as CallBody;
    if (other.call === body.call && other.exchanges) found = other.exchanges;
    return false;
  });
  return found;
}

/** Reads on until `isOver` says so of a message, or to the end. */
async function readUntil(nc: NatsConnection, what: Parameters<typeof readAll>[1], isOver: (message: StreamMessage) => boolean): Promise<void> {
  class Over extends Error {}
  await readAll(nc, what, message => { if (isOver(message)) throw new Over(); }).catch((error: unknown) => { if (!(error instanceof Over)) throw error; });
}
