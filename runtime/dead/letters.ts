/**
 * The dead-letter journal, read and answered: cases by subject, and what people may do with them. Every act is an entry
 * of the journal itself, with who and when.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { headers } from 'nats';
import { isOpen, noteDead } from '../../actors/reconciler/dead-letters.ts';
import type { DeadBody, DeadCase, Resolution } from '../../actors/reconciler/dead-letters.ts';
import { encodeJournal, journalHeaders } from '../codec.ts';
import { lastMessage } from '../last-message.ts';
import { perform } from '../perform.ts';
import type { Publisher } from '../publisher.ts';
import { Reader } from '../reader.ts';
import { digest } from '../signature.ts';
import { ingestSubject, skuSubject, streams, unescapeKey } from '../subjects.ts';

/** What cannot be done with a case; the message says why and what to do instead. */
export class DeadLetterError extends Error {
  override readonly name = 'DeadLetterError';
}

/** A case with the name that people call it by, e.g. `D-7Q4K2M9A`: the same for every case of one subject. */
export type Task = DeadCase & { task: string };

export interface Filter {
  class?: string | undefined;
  /** Account or source. */
  origin?: string | undefined;
  /** Closed ones too. */
  all?: boolean | undefined;
}

export function taskOf(subject: string): string {
  return `D-${digest(subject).slice(0, 8)}`;
}

/** Sent as it came, but under an id of its own: within the window of repeats the first one counts. */
const travels = ['Content-Type', 'Plumb-Position', 'Plumb-Door'] as const;

export class DeadLetters {
  readonly #nc: NatsConnection;
  readonly #publisher: Publisher;
  readonly #cases = new Map<string, DeadCase>();
  readonly #caughtUp = Promise.withResolvers<void>();
  readonly #onError: (error: Error) => void;
  #reader: Reader | undefined;
  #jsm: JetStreamManager | undefined;
  /** Sequence read so far, and who waits for more. */
  #seen = 0;
  #waiting: { seq: number; resolve(): void }[] = [];

  constructor(nc: NatsConnection, publisher: Publisher, onError: (error: Error) => void = () => {}) {
    this.#nc = nc;
    this.#publisher = publisher;
    this.#onError = onError;
  }

  /** Resolves when everything that the journal holds now is known; what comes later is followed. */
  async open(): Promise<void> {
    this.#reader = new Reader(this.#nc, {
      stream: streams.dead,
      filter: 'dead.>',
      from: 1,
      name: 'dead-letters',
      onError: this.#onError,
      onCaughtUp: this.#caughtUp.resolve,
      onMessage: message => {
        let body: DeadBody;
        try {
          body = message.json();
        } catch (error) {
          this.#onError(error as Error);
          return this.#saw(message.seq);
        }
        const { subject, seq, at } = message;
        const noted = noteDead(this.#cases.get(subject), { subject, seq, at, body: { ...body, id: body.id ?? String(seq), class: body.class ?? subject.split('.')[1]! } });
        if (noted) this.#cases.set(subject, noted);
        this.#saw(seq);
      },
    });
    await Promise.race([this.#caughtUp.promise, this.#nc.closed().then(() => { throw new Error('connection closed while dead letters were read'); })]);
  }

  async close(): Promise<void> {
    await this.#reader?.stop();
  }

  /** Open cases, the newest last; closed ones too where the filter says so. */
  list({ class: kind, origin, all = false }: Filter = {}): Task[] {
    return [...this.#cases.values()]
      .filter(one => (all || isOpen(one)) && (kind === undefined || one.body.class === kind) && (origin === undefined || originOf(one) === origin))
      .sort((a, b) => a.last - b.last)
      .map(one => ({ task: taskOf(one.subject), ...one }));
  }

  /** By the task's name, or by the id of its newest entry. @throws {DeadLetterError} */
  find(name: string): Task {
    for (const one of this.#cases.values()) {
      const task = taskOf(one.subject);
      if (task === name.toUpperCase() || one.body.id === name || one.open.includes(name)) return { task, ...one };
    }
    throw new DeadLetterError(`no dead letter is called ${JSON.stringify(name)}`);
  }

  /** Closes a case without anything being done. @throws {DeadLetterError} without a reason */
  async dismiss(one: DeadCase, by: string, reason: string): Promise<void> {
    if (reason.trim() === '') throw new DeadLetterError('a dismissal needs a reason');
    await this.resolve(one, { how: 'dismissed', by, reason });
  }

  /**
   * Tries again what failed, as far as it can be told again. A message of a source is journaled anew and this case ends:
   * if it fails again that is another failure. Of a SKU or a job the case ends when the record proves that it is over.
   *
   * @returns what was done, as a sentence
   * @throws {DeadLetterError} for classes that only their cause's end can heal; {PublishError}
   */
  async retry(one: DeadCase, by: string): Promise<string> {
    const { body } = one;
    const { class: kind, source, sku, account, seq } = body;
    switch (kind) {
      case 'malformed':
      case 'unmapped':
        if (source === undefined) break;
        return this.#tellAgain(one, by, (await this.original(one)).text);
      case 'poison':
      case 'oversize':
      case 'version': {
        const { seq: at } = await this.#publisher.publish(skuSubject(sku!), encodeJournal({ type: 'quarantine.released', by }), journalHeaders({ id: `release:${sku}:${crypto.randomUUID()}` }));
        return `${sku} is released by message ${at} of its journal; it is over when it has applied message ${Number(seq)}`;
      }
      case 'gap':
      case 'late': {
        const key = source!;
        const ask = { sku, source, ...(body.location !== undefined && { location: body.location }), missing: 'a count', since: one.firstAt };
        await perform(this.#publisher, [{ to: ['ask', key, sku!], id: `ask:${sku}:${crypto.randomUUID()}`, body: ask }]);
        return `${key} is asked for a count of ${sku}`;
      }
      case 'listing':
      case 'validation':
      case 'conflict':
      case 'ambiguous expired':
      case 'throttled out': {
        const answer = await this.#order(account, `retry ${sku}`);
        return answer;
      }
    }
    throw new DeadLetterError(`a case of class ${JSON.stringify(kind)} cannot be tried again; what heals it: ${body.heals ?? 'nobody has said'}`);
  }

  /** A source's message, told again in other words. @throws {DeadLetterError} {PublishError} */
  async edit(one: DeadCase, raw: string, by: string): Promise<string> {
    if (one.body.source === undefined || one.body.raw === undefined) throw new DeadLetterError('only what a source said can be corrected');
    return this.#tellAgain(one, by, raw);
  }

  /** What the source said, whole, where it is still in its journal; as far as the letter keeps it otherwise. @throws {DeadLetterError} */
  async original({ body: { source, seq, raw } }: DeadCase): Promise<{ text: string; meta: Record<string, string> }> {
    this.#jsm ??= await jetstreamManager(this.#nc, { checkAPI: false });
    const stored = typeof seq === 'number' ? await this.#jsm.streams.getMessage(streams.ingest, { seq }).catch(() => null) : null;
    if (stored && stored.subject === ingestSubject(source!)) {
      return { text: stored.string(), meta: Object.fromEntries(travels.flatMap(name => (stored.header.get(name) ? [[name, stored.header.get(name)]] : []))) };
    }
    if (raw === undefined) throw new DeadLetterError('what the source said is kept nowhere any more: let it tell it again');
    return { text: raw, meta: {} };
  }

  async #tellAgain(one: DeadCase, by: string, text: string): Promise<string> {
    const { source } = one.body;
    const { meta } = await this.original(one);
    const sent = headers();
    sent.set('Nats-Msg-Id', `retry:${taskOf(one.subject)}:${one.last}:${crypto.randomUUID()}`);
    for (const [name, value] of Object.entries(meta)) sent.set(name, value);
    const { seq } = await this.#publisher.publish(ingestSubject(source!), Buffer.from(text), sent);
    await this.resolve(one, { how: 'retried', by, reason: `told again as message ${seq} of ${source}` });
    return `${source} tells it again as its message ${seq}`;
  }

  /** Ends what is open of a case. Repeating it changes nothing. */
  async resolve({ subject, open, last, body }: DeadCase, { how, by, reason }: Omit<Resolution, 'at'>): Promise<void> {
    const { class: kind, account, source, sku } = body;
    const id = `${how}:${taskOf(subject)}:${last}`;
    const entry = {
      class: kind, resolved: true, of: open, how, by,
      ...(account !== undefined && { account }), ...(source !== undefined && { source }), ...(sku !== undefined && { sku }), ...(reason !== undefined && { reason }),
      at: Date.now(),
    };
    const [first, ...rest] = subject.split('.') as [string, ...string[]];
    await perform(this.#publisher, [{ to: [first, ...rest.map(unescapeKey)], id, body: entry }]);
    await this.#until((await this.#lastSeq(subject)) ?? 0);
  }

  async #order(account: string | undefined, command: string): Promise<string> {
    const reply = await this.#nc.request(`control.channel.${account}`, command, { timeout: 5_000 }).catch((cause: Error) => {
      throw new DeadLetterError(`nobody owns ${account} now: ${cause.message}`, { cause });
    });
    const answer = reply.json<{ ok: boolean; error?: string; message?: string }>();
    if (!answer.ok) throw new DeadLetterError(answer.error ?? 'refused');
    return answer.message ?? `${account} has taken ${command}`;
  }

  async #lastSeq(subject: string): Promise<number | undefined> {
    return (await lastMessage(this.#publisher, streams.dead, subject))?.seq;
  }

  #saw(seq: number): void {
    this.#seen = seq;
    for (const { resolve } of this.#waiting.filter(one => one.seq <= seq)) resolve();
    this.#waiting = this.#waiting.filter(one => one.seq > seq);
  }

  #until(seq: number): Promise<void> {
    if (!this.#reader || this.#seen >= seq) return Promise.resolve();
    return new Promise(resolve => { this.#waiting.push({ seq, resolve }); });
  }
}

/** The account or source that a case came from. */
export function originOf({ subject }: DeadCase): string {
  return unescapeKey(subject.split('.')[2] ?? '');
}
