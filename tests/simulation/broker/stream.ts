/** One stream as nats-server 2.11 keeps it, in memory: limits, repeats, compare-and-set, and what a power cut takes. */
import { isWild, matcher } from './match.ts';

export interface StreamConfig {
  name: string;
  subjects: string[];
  max_msgs_per_subject?: number;
  /** Nanoseconds. */
  max_age?: number;
  duplicate_window?: number;
  republish?: { src: string; dest: string };
  [more: string]: unknown;
}

export interface Stored {
  subject: string;
  seq: number;
  /** Epoch ms. */
  at: number;
  /** The header block as the wire has it, or empty. */
  headers: Buffer;
  data: Buffer;
}

/** What a broken broker does not keep, to show that somebody notices: compare-and-set, or some of what it acknowledges. */
export type Broken = 'unfenced' | 'lossy';

/** Of the messages of a journal, a lossy broker loses one in so many. */
const lostOneIn = 200;

export interface Receipt { seq: number; duplicate?: boolean; error?: { code: number; err_code: number; description: string } }

/** Who wants to know of what comes and goes. */
export interface Watcher {
  stored(message: Stored): void;
  removed(message: Stored): void;
}

/** Steps that a power cut can take back. */
const undoMost = 20_000;

export class Stream {
  readonly config: StreamConfig;
  readonly created: number;
  readonly watchers = new Set<Watcher>();
  /** By sequence less one; a hole where one is gone. */
  #messages: (Stored | undefined)[] = [];
  readonly #bySubject = new Map<string, number[]>();
  /** Sequences by message id. */
  #ids = new Map<string, { seq: number; at: number }>();
  #count = 0;
  /** Nothing is below it. */
  #first = 1;
  /** The latest steps, oldest first: what was stored, and what that removed. */
  #undo: { stored: Stored; removed: Stored[] }[] = [];

  readonly #broken: Broken | undefined;
  #taken = 0;

  constructor(config: StreamConfig, now: number, broken?: Broken) {
    this.config = config;
    this.#broken = broken;
    this.created = now;
  }

  get lastSeq(): number {
    return this.#messages.length;
  }

  get state(): object {
    return { messages: this.#count, bytes: 0, first_seq: this.lastSeq === 0 ? 0 : this.#count === 0 ? this.lastSeq + 1 : this.#skip(), last_seq: this.lastSeq, consumer_count: this.watchers.size };
  }

  get(seq: number): Stored | undefined {
    return this.#messages[seq - 1];
  }

  /** The newest message of a subject, or of those that a pattern takes in. */
  last(pattern: string): Stored | undefined {
    if (!isWild(pattern)) return this.get(this.#bySubject.get(pattern)?.at(-1) ?? 0);
    const takes = matcher(pattern);
    const first = this.#skip();
    for (let seq = this.lastSeq; seq >= first; seq--) {
      const message = this.#messages[seq - 1];
      if (message && takes(message.subject)) return message;
    }
    return undefined;
  }

  /** Sequences of the newest message of each subject that is wanted, in order. */
  lastOfEach(takes: (subject: string) => boolean): number[] {
    const found: number[] = [];
    for (const [subject, seqs] of this.#bySubject) if (takes(subject)) found.push(seqs.at(-1)!);
    return found.sort((a, b) => a - b);
  }

  /** The first message from there on that is wanted. */
  next(from: number, takes: (subject: string) => boolean): Stored | undefined {
    for (let seq = Math.max(from, this.#skip()); seq <= this.lastSeq; seq++) {
      const message = this.#messages[seq - 1];
      if (message && takes(message.subject)) return message;
    }
    return undefined;
  }

  pendingFrom(from: number, takes: (subject: string) => boolean): number {
    let count = 0;
    for (let seq = Math.max(from, this.#skip()); seq <= this.lastSeq; seq++) {
      const message = this.#messages[seq - 1];
      if (message && takes(message.subject)) count += 1;
    }
    return count;
  }

  /** Every message that is there, in order. */
  *all(): Generator<Stored> {
    for (const message of this.#messages) if (message) yield message;
  }

  store(subject: string, headers: Buffer, data: Buffer, at: number): Receipt {
    const id = headerOf(headers, 'Nats-Msg-Id');
    if (id !== undefined) {
      const before = this.#ids.get(id);
      const window = (this.config.duplicate_window ?? 0) / 1e6;
      if (before && at - before.at < window) return { seq: before.seq, duplicate: true };
    }
    const expected = headerOf(headers, 'Nats-Expected-Last-Subject-Sequence');
    const last = this.#bySubject.get(subject)?.at(-1) ?? 0;
    if (expected !== undefined && Number(expected) !== last && this.#broken !== 'unfenced') return { seq: 0, error: { code: 400, err_code: 10071, description: `wrong last sequence: ${last}` } };
    if (this.#broken === 'lossy' && this.config.name === 'SKU' && ++this.#taken % lostOneIn === 0) return { seq: this.lastSeq + 1 };
    const message: Stored = { subject, seq: this.lastSeq + 1, at, headers, data };
    this.#messages.push(message);
    this.#count += 1;
    this.#index(message);
    if (id !== undefined) this.#ids.set(id, { seq: message.seq, at });
    const step = { stored: message, removed: this.#trim(subject) };
    if (this.#undo.push(step) > 2 * undoMost) this.#undo = this.#undo.slice(-undoMost);
    for (const watcher of this.watchers) watcher.stored(message);
    return { seq: message.seq };
  }

  /** Lets go of what is too old; forgets ids that are. */
  expire(now: number): void {
    const { max_age: age = 0, duplicate_window: window = 0 } = this.config;
    for (const [id, { at }] of this.#ids) {
      if (now - at < window / 1e6) break;
      this.#ids.delete(id);
    }
    if (age === 0) return;
    for (let message = this.next(1, () => true); message && now - message.at >= age / 1e6; message = this.next(1, () => true)) this.#remove(message);
  }

  /** Takes back what was stored since then, epoch ms, as a server that is started again after a power cut. @returns what is lost */
  cut(since: number): Stored[] {
    const lost: Stored[] = [];
    for (let step = this.#undo.at(-1); step && step.stored.at >= since; step = this.#undo.at(-1)) {
      this.#undo.pop();
      const { stored, removed } = step;
      if (this.get(stored.seq)) this.#remove(stored, false);
      this.#messages.length = stored.seq - 1;
      for (const message of removed) {
        this.#messages[message.seq - 1] = message;
        this.#count += 1;
        this.#first = Math.min(this.#first, message.seq);
        const seqs = this.#bySubject.get(message.subject) ?? [];
        this.#bySubject.set(message.subject, [...seqs, message.seq].sort((a, b) => a - b));
      }
      lost.push(stored);
    }
    this.#ids = new Map([...this.#ids].filter(([, { seq }]) => seq <= this.lastSeq));
    return lost.reverse();
  }

  #index({ subject, seq }: Stored): void {
    const seqs = this.#bySubject.get(subject);
    if (seqs) seqs.push(seq);
    else this.#bySubject.set(subject, [seq]);
  }

  #trim(subject: string): Stored[] {
    const most = this.config.max_msgs_per_subject ?? 0;
    const seqs = this.#bySubject.get(subject)!;
    const removed: Stored[] = [];
    while (most > 0 && seqs.length > most) {
      const message = this.get(seqs[0]!)!;
      removed.push(message);
      this.#remove(message);
    }
    return removed;
  }

  #remove(message: Stored, tells = true): void {
    this.#messages[message.seq - 1] = undefined;
    this.#count -= 1;
    const seqs = this.#bySubject.get(message.subject)!;
    seqs.splice(seqs.indexOf(message.seq), 1);
    if (seqs.length === 0) this.#bySubject.delete(message.subject);
    if (tells) for (const watcher of this.watchers) watcher.removed(message);
  }

  /** The first sequence that is there. */
  #skip(): number {
    while (this.#first <= this.lastSeq && !this.#messages[this.#first - 1]) this.#first += 1;
    return this.#first;
  }
}

/** The last block that was asked for: several headers of one are asked for in a row. */
let asked: { block: Buffer; text: string } | undefined;

/** A header's first value. */
export function headerOf(headers: Buffer, name: string): string | undefined {
  if (headers.length === 0) return undefined;
  if (asked?.block !== headers) asked = { block: headers, text: headers.toString('utf8') };
  const { text } = asked;
  const start = text.indexOf(`\r\n${name}:`);
  if (start === -1) return undefined;
  const value = start + name.length + 3;
  return text.slice(value, text.indexOf('\r\n', value)).trim();
}
