/**
 * Nothing is published over a connection before the broker is known to have what it had: at start, and after each broken
 * connection. A node that finds a loss sees to what follows from it and ends, since what it holds in memory is of what
 * is gone; so does one that hears that another found it.
 */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import { Direct } from './direct.ts';
import { findLosses, journalLoss } from './find.ts';
import type { Marks } from './marks.ts';
import { lossRecordOf, recover, StrangeJournalError } from './recovery.ts';

export interface GuardPorts {
  nc: NatsConnection;
  marks: Marks;
  log: Logger;
  node: string;
  /** What was sent before a loss may take effect for so long, ms. */
  lifeMs: number;
  /** This node has to be started anew. */
  onLost(): void;
}

const lookEveryMs = 2_000;
const restMs = 250;

export class LossGuard {
  readonly #p: GuardPorts;
  readonly #direct: Direct;
  /** The loss that this node knows of and began after. */
  #known: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(ports: GuardPorts) {
    this.#p = ports;
    this.#direct = new Direct(ports.nc);
  }

  /** The last loss; whoever keeps a position in what was lost begins before it. */
  get known(): string | undefined {
    return this.#known;
  }

  /** Before the node does anything. @throws {StrangeJournalError} */
  async start(): Promise<void> {
    const { marks, nc } = this.#p;
    this.#known = await this.#answered(async () => {
      const found = await findLosses(this.#direct, marks);
      const journal = await journalLoss(nc, this.#direct);
      if (journal && !found.some(({ stream }) => stream === journal.stream)) found.push(journal);
      return this.#settle(found);
    });
    this.#timer = setInterval(() => { void this.#look(); }, lookEveryMs);
    this.#timer.unref();
  }

  /** After a broken connection; resolves when publishing may go on, and never where it may not. */
  async again(): Promise<void> {
    let known: string | undefined;
    try {
      known = await this.#answered(async () => this.#settle(await findLosses(this.#direct, this.#p.marks)));
    } catch (error) {
      if (this.#isOver || this.#p.nc.isClosed()) return new Promise(() => {});
      this.#p.log.error({ err: error }, 'what the broker lost cannot be made good');
      return this.#end();
    }
    if (known !== this.#known) await this.#end();
  }

  /** Asks until the broker answers. */
  async #answered<T>(ask: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await ask();
      } catch (error) {
        if (error instanceof StrangeJournalError || this.#isOver || this.#p.nc.isClosed()) throw error;
        if (tries % 20 === 0) this.#p.log.warn({ err: error }, 'the broker could not be asked what it has, trying on');
        await new Promise(resolve => setTimeout(resolve, restMs));
      }
    }
  }

  stop(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
  }

  /** @returns the id of the last loss, which is made good by now */
  async #settle(found: Awaited<ReturnType<typeof findLosses>>): Promise<string | undefined> {
    const { marks } = this.#p;
    const before = await lossRecordOf(this.#direct);
    if (found.length === 0 && before?.isOver !== false) return before?.id;
    marks.hold();
    const { id } = await recover({ ...this.#p, direct: this.#direct }, found, before);
    for (const { stream } of found) {
      const { created, lastSeq } = await this.#direct.stateOf(stream);
      marks.accept(stream, created, lastSeq);
    }
    marks.release();
    return id;
  }

  /** Another node may have found what this one has no marks of. */
  async #look(): Promise<void> {
    const record = await lossRecordOf(this.#direct).catch(() => undefined);
    if (record && record.id !== this.#known && !this.#isOver) void this.#end();
  }

  #end(): Promise<never> {
    if (!this.#isOver) {
      this.stop();
      this.#p.onLost();
    }
    return new Promise(() => {});
  }
}
