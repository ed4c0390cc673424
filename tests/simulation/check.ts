/**
 * What holds after every step: each stored record is the fold of its journal up to the message it names, none goes back,
 * no actor throws, nobody reports a failure of its own; and while nothing is disturbed everything is served, by one
 * node each.
 */
import { asStored, fold, fresh } from '../../runtime/handle.ts';
import type { Hot, Incoming } from '../../runtime/handle.ts';
import { incoming } from '../../runtime/journal.ts';
import type { ActorKind, ActorRecord } from '../../runtime/actor.ts';
import { lostSubject, partitionCount, skuRecordSubject, unescapeKey } from '../../runtime/subjects.ts';
import type { Stock } from '../../actors/sku/protocol.ts';
import { kindUnder, skuSettings } from '../../deploy/sku-settings.ts';
import { headerOf } from './broker/stream.ts';
import type { Stored, Stream } from './broker/stream.ts';
import { configOf } from './node.ts';
import { accounts, recoversWithinMs } from './plan.ts';
import { configured, settingsOf } from './world.ts';
import type { World } from './world.ts';

export interface Violation { check: string; at: number; text: string }

interface Book { journal: Incoming[]; /** Messages folded so far. */ folded: number; hot: Hot<Stock>; applied: number; bytes: string }

/** A message is applied within, while nothing is disturbed, ms. */
const appliedWithinMs = 10_000;
const lookEveryMs = 1_000;
/** What one node each is to hold. */
const units = [...Array.from({ length: partitionCount }, (_, n) => `sku.${n}`), ...accounts.map(account => `account.${account}`), 'source.erp'];
/** What is told of escrow whatever happens. */
const isExpected = /^exposure\.(mode\.changed|escrow\.inForce|write\.lapsed|ship\.permitted)\./;
/** What nodes report of the world around them, and of promises that are too tight for it. */
const ofTheWorld = [/^a younger process/, /^connection to the broker/, /^could not be journaled/, /^a promise is about to be broken/, /^the broker lost what it had acknowledged/];

export class Watch {
  readonly violations: Violation[] = [];
  readonly books = new Map<string, Book>();
  /** Ids of stored messages, by stream. */
  readonly ids = new Map<string, Set<string>>();
  /** Effects that stored records asked for. */
  readonly asked = new Map<string, string>();
  /** The longest time without an owner after the last disturbance, ms; whatever it was of. */
  unservedMs = 0;
  versions = 0;
  readonly #world: World;
  readonly #kind: ActorKind<Stock>;
  #complaints = 0;
  /** Nothing is to be served any more. */
  isOver = false;

  constructor(world: World) {
    this.#world = world;
    this.#kind = kindUnder(skuSettings(configOf('check', 'nats://check', configured(world.plan), settingsOf(world.plan.mode))));
    world.onStored = (stream, message) => this.#stored(stream, message);
    world.broker.onCut = stream => this.#cut(stream);
    const look = (): void => {
      this.#look();
      world.machine.after(lookEveryMs, world.machine.outside, look);
    };
    look();
  }

  /** The broker lost what it had acknowledged: what was said and done need not be there any more. */
  get isTorn(): boolean {
    return this.#world.faults['power cut'] !== undefined;
  }

  blame(check: string, text: string): void {
    this.violations.push({ check, at: this.#world.machine.now, text });
    this.#world.tell('CHECK', `${check}: ${text}`);
  }

  /** What is not served, in words; empty where everything is. */
  unserved(): string[] {
    const owners = new Map<string, string[]>();
    for (const { id, running } of this.#world.nodes) {
      const { partitions = [], accounts: held = [], sources = [] } = (running?.figures() ?? {}) as { partitions?: number[]; accounts?: string[]; sources?: string[] };
      const own = (unit: string): void => {
        const others = owners.get(unit);
        if (others) others.push(id);
        else owners.set(unit, [id]);
      };
      for (const number of partitions) own(`sku.${number}`);
      for (const name of held) own(`account.${name}`);
      for (const name of sources) own(`source.${name}`);
    }
    return units.filter(unit => owners.get(unit)?.length !== 1).map(unit => `${unit} is held by ${owners.get(unit)?.join(' and ') ?? 'nobody'}`);
  }

  /** SKUs whose record has not applied a message that came before that time, epoch ms. */
  behind(before: number): string[] {
    return [...this.books].flatMap(([sku, book]) => {
      const { journal, applied } = book;
      const waiting = journal[firstBehind(book)];
      return waiting && waiting.at < before ? [`${sku} has applied ${applied}, and ${waiting.seq} came ${Math.round((this.#world.machine.wall - waiting.at) / 1_000)} s ago`] : [];
    });
  }

  #stored({ config: { name } }: Stream, message: Stored): void {
    const id = headerOf(message.headers, 'Nats-Msg-Id');
    const ids = this.ids.get(name) ?? new Set();
    this.ids.set(name, ids);
    if (id !== undefined) ids.add(id);
    const token = message.subject.slice(message.subject.lastIndexOf('.') + 1);
    if (message.subject === lostSubject) return;
    if (name === 'SKU') this.#book(token).journal.push(incoming({ seq: message.seq, at: message.at, data: message.data, header: header => headerOf(message.headers, header) }));
    else if (name === 'KV_sku' && !token.startsWith('_')) this.#record(unescapeKey(token), this.#book(token), message.data.toString());
    else if (name === 'ALERT') this.#alert(message);
    else if (name === 'EXPOSURE') this.#told(message);
  }

  /** Books are as what is left. */
  #cut(stream: Stream): void {
    const { config: { name }, lastSeq } = stream;
    if (name !== 'SKU' && name !== 'KV_sku') return;
    for (const [sku, book] of this.books) {
      book.folded = 0;
      book.hot = fresh(this.#kind, sku);
      if (name === 'SKU') {
        book.journal = book.journal.filter(({ seq }) => seq <= lastSeq);
      } else {
        const left = stream.last(skuRecordSubject(sku));
        book.applied = left ? (JSON.parse(left.data.toString()) as ActorRecord).applied : 0;
        book.bytes = '';
      }
    }
  }

  #book(token: string): Book {
    const sku = unescapeKey(token);
    const known = this.books.get(sku);
    if (known) return known;
    const book: Book = { journal: [], folded: 0, hot: fresh(this.#kind, sku), applied: 0, bytes: '' };
    this.books.set(sku, book);
    return book;
  }

  #record(sku: string, book: Book, text: string): void {
    this.versions += 1;
    const { applied, bytes, outbox, quarantined } = read(text);
    for (const { id, to } of outbox) this.asked.set(id, to.join('.'));
    if (quarantined) return this.blame('quarantine', `${sku}: ${quarantined.error}`);
    // Judged before, when its effects were not performed yet.
    if (applied === book.applied && bytes === book.bytes) return;
    if (applied < book.applied) return this.blame('reordered', `${sku}: a record that has applied ${applied} was stored after one that has ${book.applied}`);
    if (applied === book.applied && book.bytes !== '') return this.blame('doubled', `${sku}: two records end at ${applied} and differ\n  ${book.bytes}\n  ${bytes}`);
    book.applied = applied;
    book.bytes = bytes;
    const messages = book.journal.slice(book.folded, firstBehind(book));
    book.folded += messages.length;
    const next = fold(this.#kind, book.hot, messages);
    if (next?.poison) return this.blame('quarantine', `${sku}: ${next.poison.message}`);
    if (next) book.hot = { record: { ...next.record, outbox: [] }, state: next.state, revision: 0 };
    const folded = JSON.stringify(asStored(this.#kind, book.hot.record));
    if (folded !== bytes) this.blame('fold', `${sku}: the record is not the fold of its journal up to ${applied}\n  stored ${bytes}\n  folded ${folded}`);
  }

  /** Debts and failed assumptions have a cause from outside: where there is none, nobody tells of them. */
  #told({ subject, data }: Stored): void {
    if (this.#world.plan.mode !== 'escrow' || this.isTorn || isExpected.test(subject)) return;
    const { sku } = JSON.parse(data.toString()) as { sku: string };
    if (!this.#world.isOutside(sku)) this.blame('without cause', `${subject} ${data.toString()}`);
  }

  /** Drift is told only where something changed a listing behind our back, or a write went astray. */
  #alert({ subject, data }: Stored): void {
    const { id, account, sku } = JSON.parse(data.toString()) as { id: string; account: string; sku: string };
    // Others tell of promises and silences.
    if (!id.startsWith('drf-')) return;
    const { hits, meddled, machine } = this.#world;
    if (meddled.has(`${account}/${sku}`) || hits.some(hit => hit.account === account && hit.from <= machine.wall && machine.wall <= hit.to)) return;
    if (hits.some(hit => hit.account === '*' && hit.from <= machine.wall && machine.wall <= hit.to + 60_000)) return;
    this.blame('false drift', `${subject} ${data.toString()}`);
  }

  #look(): void {
    const { machine, complaints, disturbedUntil } = this.#world;
    for (const { who, text } of complaints.slice(this.#complaints)) if (!ofTheWorld.some(known => known.test(text))) this.blame('failure', `${who}: ${text}`);
    this.#complaints = complaints.length;
    const calmMs = machine.now - disturbedUntil;
    if (calmMs < 0 || this.isOver) return;
    const unserved = this.unserved();
    if (unserved.length > 0) this.unservedMs = Math.max(this.unservedMs, calmMs);
    if (calmMs < recoversWithinMs) return;
    if (unserved.length > 0) this.blame('unserved', `${unserved.length} units ${Math.round(calmMs / 1_000)} s after the last disturbance: ${unserved.slice(0, 6).join('; ')}`);
    const behind = calmMs < recoversWithinMs + appliedWithinMs ? [] : this.behind(machine.wall - appliedWithinMs);
    if (behind.length > 0) this.blame('stalled', behind.slice(0, 4).join('; '));
  }
}

/** What a stored record says, and its bytes without what is to be performed, which comes last in them. Most ask for nothing. */
function read(text: string): Pick<ActorRecord, 'applied' | 'outbox' | 'quarantined'> & { bytes: string } {
  const [, applied] = text.endsWith(',"outbox":[]}') && !text.includes('"quarantined"') ? /^\{"v":\d+,"applied":(\d+),/.exec(text) ?? [] : [];
  if (applied !== undefined) return { applied: Number(applied), outbox: [], bytes: text };
  const record = JSON.parse(text) as ActorRecord;
  return { ...record, bytes: record.outbox.length === 0 ? text : JSON.stringify({ ...record, outbox: [] }) };
}

/** Where the messages begin that the record has not applied; what is folded it has. */
function firstBehind({ journal, folded, applied }: Book): number {
  let n = folded;
  while (n < journal.length && journal[n]!.seq <= applied) n++;
  return n;
}
