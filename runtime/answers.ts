/**
 * What the channels of one SKU answered in the same turn of the event loop, told its journal as one message: a message
 * costs the broker and its reader more than what is in it. Only while every live node reads such a message
 * (docs/decisions/0032).
 */
import type { AppliedWrite, ChannelFact } from '../actors/sku/protocol.ts';
import { encodeJournal, journalHeaders } from './codec.ts';
import type { Ack, Publisher } from './publisher.ts';
import { skuSubject } from './subjects.ts';

export interface AnswersPorts {
  publisher: Publisher;
  /** Whether every live node reads answers that are told together. */
  mayJoin(): boolean;
}

interface Waiting {
  id: string;
  answer: AppliedWrite;
  resolve(ack: Ack): void;
  reject(error: unknown): void;
}

export class Answers {
  readonly #ports: AnswersPorts;
  /** By SKU and correlation: what has one origin has one chain. */
  #waiting = new Map<string, { subject: string; correlation: string; told: Waiting[] }>();

  constructor(ports: AnswersPorts) {
    this.#ports = ports;
  }

  /**
   * Tells a SKU that a write of it was applied. Told again, it may be in other company, and is another message then.
   *
   * @param id also the dedupe id, where it is told alone
   * @returns its place
   * @throws {PublishError} when nobody knows whether the journal has it: to be told again
   * @throws {RangeError} for a SKU that has no token
   */
  async applied(sku: string, id: string, answer: AppliedWrite, correlation: string): Promise<Ack> {
    const subject = skuSubject(sku);
    const key = `${subject} ${correlation}`;
    const { promise, resolve, reject } = Promise.withResolvers<Ack>();
    const told: Waiting = { id, answer, resolve, reject };
    const waiting = this.#waiting.get(key);
    if (waiting) waiting.told.push(told);
    else if (this.#waiting.set(key, { subject, correlation, told: [told] }).size === 1) setImmediate(() => this.#tell());
    return promise;
  }

  #tell(): void {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    const mayJoin = this.#ports.mayJoin();
    for (const { subject, correlation, told } of waiting.values()) {
      if (mayJoin && told.length > 1) void this.#publish(subject, correlation, told, { type: 'writes.applied', answers: told.map(({ answer }) => answer) });
      else for (const each of told) void this.#publish(subject, correlation, [each], { type: 'write.answered', outcome: 'applied', ...each.answer });
    }
  }

  /** @returns never rejects: whoever waits is told */
  async #publish(subject: string, correlation: string, told: readonly Waiting[], fact: ChannelFact): Promise<void> {
    try {
      const id = told.map(each => each.id).join();
      const ack = await this.#ports.publisher.publish(subject, encodeJournal(fact), journalHeaders({ id, correlation }));
      for (const { resolve } of told) resolve(ack);
    } catch (error) {
      for (const { reject } of told) reject(error);
    }
  }
}
