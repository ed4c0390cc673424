/**
 * What an account's owner tells: facts to SKU journals, dead letters, attempts. A fact or a dead letter is tried until
 * the journal has it or the account is given up.
 */
import type { Logger } from 'pino';
import type { Exchange } from '../../actors/channel/adapter.ts';
import type { Job } from '../../actors/channel/pending.ts';
import type { Resolution } from '../../actors/reconciler/dead-letters.ts';
import type { SkuFact } from '../../actors/sku/protocol.ts';
import type { PublishEffect } from '../actor.ts';
import { encodeJournal, journalHeaders } from '../codec.ts';
import type { Envelope } from '../codec.ts';
import { lastMessage } from '../last-message.ts';
import { perform } from '../perform.ts';
import { PublishError } from '../publisher.ts';
import type { Ack, Publisher } from '../publisher.ts';
import { attemptSubject, callSubject, controlSubject, skuSubject, streams, subjectOf } from '../subjects.ts';
import { Underway } from '../underway.ts';

/** A failure that people are told of. */
export interface DeadLetter {
  class: string;
  /** The SKU, or whatever else failed. */
  sku: string;
  code: string;
  message: string;
  /** What would make it go away, as a plain sentence. */
  heals: string;
  /** Of the job behind it, where there is one. */
  signature?: string;
}

/** One call that carried jobs, and what became of each of them. */
export interface Attempt {
  /** `feed`: what the report of a feed told of them. */
  op: 'write' | 'read' | 'feed';
  jobs: readonly Job[];
  outcomes: readonly { kind?: string }[];
  exchanges: readonly Exchange[];
  at: number;
}

/** An entry of the dead-letter journal. */
interface Last { id: string; resolved: boolean }

export class AccountJournal {
  readonly #account: string;
  readonly #node: string;
  readonly #publisher: Publisher;
  readonly #log: Logger;
  /** Told so far: several may come in one millisecond. */
  #controls = 0;
  readonly #underway = new Underway();
  /** What is told of one thing in turn, by subject: the last of it. Else that it is over overtakes that it is so. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #stopped = Promise.withResolvers<void>();
  #isStopped = false;

  constructor({ account, node, publisher, log }: { account: string; node: string; publisher: Publisher; log: Logger }) {
    this.#account = account;
    this.#node = node;
    this.#publisher = publisher;
    this.#log = log;
  }

  /** Nothing is tried again from here on. */
  stop(): void {
    this.#isStopped = true;
    this.#stopped.resolve();
  }

  /** Resolves when nothing is on its way any more. */
  settled(): Promise<void> {
    return this.#underway.none();
  }

  /**
   * Tells a SKU a fact through its journal.
   *
   * @returns its sequence there
   * @throws {Error} when the account was given up before the journal had it
   * @throws {RangeError} for a SKU that has no token
   */
  async fact(sku: string, id: string, fact: SkuFact, correlation?: string): Promise<number> {
    return (await this.#untilStored(id, () => this.#send(sku, id, fact, correlation))).seq;
  }

  /**
   * As `fact`, for who does not wait: the next owner finds the intent unproven and goes on from there.
   *
   * @param onStored told of its place
   */
  tell(sku: string, id: string, fact: SkuFact, correlation?: string, onStored?: (ack: Ack) => void): void {
    this.#inBackground(this.#untilStored(id, () => this.#send(sku, id, fact, correlation), onStored));
  }

  /** As `tell`, by whoever knows how: `send` is tried again as long as nobody knows whether the journal has it. */
  tellBy(id: string, send: () => Promise<Ack>, onStored: (ack: Ack) => void): void {
    this.#inBackground(this.#untilStored(id, send, onStored));
  }

  /** As `tell`, behind whatever else is told the SKU so: the last word counts. */
  tellInTurn(sku: string, id: string, fact: SkuFact, correlation?: string): void {
    this.#inTurn(skuSubject(sku), async () => { await this.fact(sku, id, fact, correlation); });
  }

  /** Tells people of what lasts, once: not again while the last that they were told of it is open, by whichever owner. */
  stands(effect: PublishEffect): void {
    this.#toPeople(effect.to, effect.id, async last => {
      if (last === undefined || last.resolved) await perform(this.#publisher, [effect]);
    });
  }

  /** Tells people of a failure, once: not again what is the last that was told of the same thing. */
  dead({ class: kind, sku, code, message, heals, signature }: DeadLetter): void {
    const id = `dead:${kind}:${this.#account}:${sku}:${code}:${signature ?? ''}`;
    const to = ['dead', kind.replaceAll(' ', '-'), this.#account, sku];
    const body = { class: kind, account: this.#account, sku, code, message, heals, at: Date.now(), ...(signature !== undefined && { signature }) };
    this.#toPeople(to, id, async last => {
      if (last?.id !== id) await perform(this.#publisher, [{ to, id, body }]);
    });
  }

  /** What people were told of is over: the last entry of that class and name is resolved, if it is not. */
  healed(kind: string, name: string, by: string): void {
    this.#over(kind, name, 'resolved', { how: 'healed', by });
  }

  /** A person has decided on all that people were told of under that class and name, by whichever owner. */
  decided(kind: string, name: string, by: string): void {
    this.#over(kind, name, 'decided', { how: 'dismissed', by });
  }

  /** What a person made of the whole account: beside its attempts, under a name that no SKU has. */
  control(op: string, by: string, more: object = {}): void {
    this.#inBackground(this.recorded(op, by, more));
  }

  /** As `control`, for what must be in the journal before it is done. @throws {Error} when the account was given up before */
  async recorded(op: string, by: string, more: object = {}): Promise<void> {
    const at = Date.now();
    const id = `control:${this.#account}:${op}:${at}:${this.#controls++}`;
    const account = this.#account;
    await this.#untilStored(id, () => this.#publisher.publish(controlSubject(account), encodeJournal({ op, account, by, at, ...more }), journalHeaders({ id })));
  }

  /**
   * A write of several jobs that all went well is one message, a tenth of the cost of a call (docs/performance.md);
   * whatever did not go well stands under its SKU. Secrets were removed by the adapter.
   */
  attempt({ op, jobs, outcomes, exchanges, at }: Attempt): void {
    const account = this.#account;
    const call = `${this.#node}:${at}:${jobs[0]?.signature ?? ''}`;
    const entries = jobs.map((job, i) => {
      const { sku, signature, quantity, version } = job;
      return { sku, signature, key: keyOf(job), quantity, version, attempt: job.attempts, outcome: outcomes[i]! };
    });
    // A story for people: not worth to be told late.
    const tell = (subject: string, body: object, envelope: Envelope): void => this.#inBackground(this.#publisher.publish(subject, encodeJournal(body), journalHeaders(envelope)));
    if (op === 'write' && jobs.length > 1 && outcomes.every(wentWell)) return tell(callSubject(account), { op, account, at, call, entries, exchanges }, { id: `at:${call}` });
    entries.forEach((entry, i) => {
      const { sku, signature } = entry;
      // The exchange stands once, with the first entry of its call.
      tell(attemptSubject(account, sku), { op, account, ...entry, at, call, ...(i === 0 && { exchanges }) }, { id: `at:${call}:${i}`, cause: signature, correlation: jobs[i]!.correlation });
    });
  }

  /** @param mark `resolved` ends the last entry alone, any other all of them */
  #over(kind: string, name: string, mark: string, end: Pick<Resolution, 'how' | 'by'>): void {
    const to = ['dead', kind, this.#account, name];
    this.#toPeople(to, `${mark}:${kind}:${this.#account}:${name}`, async last => {
      if (last === undefined || last.resolved) return;
      const body = { class: kind, account: this.#account, resolved: true, ...end, at: Date.now() };
      await perform(this.#publisher, [{ to, id: `${last.id}:${mark}`, body }]);
    });
  }

  /** @param tell given what people were told last of the same thing */
  #toPeople(to: PublishEffect['to'], id: string, tell: (last: Last | undefined) => Promise<void>): void {
    const subject = subjectOf(to);
    this.#inTurn(subject, () => this.#untilStored(id, async () => tell(await this.#lastDead(subject))));
  }

  #inTurn(subject: string, tell: () => Promise<void>): void {
    const before = this.#turns.get(subject);
    const told = (async () => {
      await before?.catch(() => undefined);
      await tell();
    })().finally(() => { if (this.#turns.get(subject) === told) this.#turns.delete(subject); });
    this.#turns.set(subject, told);
    this.#inBackground(told);
  }

  async #lastDead(subject: string): Promise<Last | undefined> {
    const last = await lastMessage(this.#publisher, streams.dead, subject);
    if (last?.data === undefined) return undefined;
    const { id, resolved = false } = JSON.parse(last.data.toString()) as { id: string; resolved?: boolean };
    return { id, resolved };
  }

  #send(sku: string, id: string, fact: SkuFact, correlation: string | undefined): Promise<Ack> {
    return this.#publisher.publish(skuSubject(sku), encodeJournal(fact), journalHeaders({ id, ...(correlation !== undefined && { correlation }) }));
  }

  async #untilStored<T>(id: string, send: () => Promise<T>, onStored?: (stored: T) => void): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const stored = await send();
        onStored?.(stored);
        return stored;
      } catch (error) {
        if (!(error instanceof PublishError)) throw error;
        if (this.#isStopped) throw new Error(`${this.#account} was given up before ${id} was journaled`, { cause: error });
        this.#log.warn({ err: error, account: this.#account, id }, 'could not be journaled, trying again');
        let timer: NodeJS.Timeout | undefined;
        await Promise.race([this.#stopped.promise, new Promise(resolve => { timer = setTimeout(resolve, Math.min(2_000, 100 * 2 ** attempt)); })]);
        clearTimeout(timer);
      }
    }
  }

  #inBackground(work: Promise<unknown>): void {
    this.#underway.begin();
    void work.then(this.#underway.end, (error: unknown) => {
      this.#log.error({ err: error, account: this.#account }, 'could not be journaled');
      this.#underway.end();
    });
  }
}

function wentWell({ kind }: { kind?: string }): boolean {
  return kind === 'applied' || kind === 'accepted';
}

/** A conditional write on a new reading is a new intended change and has a key of its own. */
export function keyOf({ signature, rereads }: Job): string {
  return rereads === 0 ? signature : `${signature}.${rereads}`;
}
