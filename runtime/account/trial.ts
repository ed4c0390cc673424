/** One test listing that questions are asked of: written by the port alone, never above what it opened with, restored at the end. */
import type { Call, ChannelAdapter, Listing, Operation, Reading, WriteEntry, WriteOutcome } from '../../actors/channel/adapter.ts';
import { readOne } from './test-listing.ts';

/** Whoever makes the calls: each within the account's rate. */
export interface Caller {
  readonly adapter: ChannelAdapter;
  readonly timeScale: number;
  /** A write that was taken shows within, vendor's ms. */
  readonly withinMs: number;
  /** Nothing new is to be asked; a listing is restored all the same. */
  readonly stopped: boolean;
  /** @throws what the adapter throws */
  run<T>(operation: Operation, work: (call: Call) => Promise<T>): Promise<{ value: T; ms: number }>;
}

/** A write that was taken does not show. */
export class UnseenError extends Error {
  override readonly name = 'UnseenError';
  readonly outcome: 'applied' | 'accepted';

  constructor(outcome: 'applied' | 'accepted', message: string) {
    super(message);
    this.outcome = outcome;
  }
}

/** Reads of one wait come no closer together than this, channel's ms. */
const lookEveryMs = 500;
/** Nor than this part of the time that has gone by. */
const lookShare = 20;
const restoreTries = 5;
const writeTries = 5;
/** Between tries of a write, channel's ms; longer each time. */
const retryEveryMs = 1_000;

export interface Proven {
  reading: Reading;
  /** From the call to the first reading that showed it, ms. */
  lagMs: number;
  /** The first reading after the answer still showed the old quantity. */
  staleFirst: boolean;
}

export class Trial {
  readonly listing: Listing;
  /** What it showed before anything was asked. */
  readonly opened: Reading;
  readonly #caller: Caller;
  /** The newest reading: what a conditional write is built on. */
  last: Reading;
  #written = 0;
  /** What our last write is proven to have left; undefined while one is in doubt. */
  #proven: number | undefined;
  #sold = 0;
  /** An accepted write that has not shown: it may still, until then. */
  #doubt: { quantity: number; until: number } | undefined;

  /** @param isLeft what it shows by now is not known, such as where whoever asked before left it */
  constructor(caller: Caller, opened: Reading, { isLeft = false } = {}) {
    this.#caller = caller;
    this.opened = opened;
    this.last = opened;
    this.listing = opened.listing;
    this.#proven = isLeft ? undefined : opened.quantity;
  }

  get quantity(): number {
    return this.opened.quantity;
  }

  entry(quantity: number, on: Reading = this.last): WriteEntry {
    this.#written += 1;
    return {
      listing: this.listing,
      quantity,
      signature: `probe-${Date.now().toString(36)}-${this.#written}`,
      last: { quantity: on.quantity, ...(on.version !== undefined && { version: on.version }) },
    };
  }

  /** A refusal that may pass (another write of the listing is under way) is tried again a few times. */
  async write(entry: WriteEntry): Promise<WriteOutcome> {
    const { adapter, timeScale } = this.#caller;
    this.#proven = undefined;
    // A lost answer leaves it open as well.
    this.#doubt = { quantity: entry.quantity, until: performance.now() + this.#caller.withinMs / timeScale };
    for (let tries = 1; ; tries++) {
      const { value: [outcome] } = await this.#caller.run(adapter.writeOperation?.(entry.listing) ?? adapter.operations.write, call => adapter.write([entry], call));
      if (!outcome) throw new Error(`no outcome for ${this.listing.sku}`);
      this.#doubt = outcome.kind === 'accepted' ? { quantity: entry.quantity, until: performance.now() + outcome.verifyWithinMs } : undefined;
      if (outcome.kind !== 'retry' || tries === writeTries) return outcome;
      await sleep(tries * retryEveryMs / timeScale);
    }
  }

  async read(): Promise<Reading> {
    return (this.last = (await readOne(this.#caller, this.listing)).reading);
  }

  /**
   * Writes and reads until it shows.
   *
   * @param entry what is written, where it is not on the newest reading
   * @param whateverHappens goes on after an interruption: a restoration does
   * @throws {UnseenError} when it does not show within twice the time that the adapter allows
   * @throws {Error} when it is refused
   */
  async set(quantity: number, { entry, whateverHappens = false }: { entry?: WriteEntry; whateverHappens?: boolean } = {}): Promise<Proven> {
    this.#heed(whateverHappens);
    const began = performance.now();
    const outcome = await this.write(entry ?? this.entry(quantity));
    if (outcome.kind !== 'applied' && outcome.kind !== 'accepted') throw new Error(`${quantity} was not taken: ${outcome.kind} ${outcome.code} ${outcome.message}`);
    const { timeScale } = this.#caller;
    const withinMs = 2 * (outcome.kind === 'accepted' ? outcome.verifyWithinMs : this.#caller.withinMs / timeScale);
    let looks = 0;
    for (;;) {
      const reading = await this.read();
      const lagMs = performance.now() - began;
      if (reading.quantity === quantity) {
        this.#proven = quantity;
        this.#doubt = undefined;
        return { reading, lagMs, staleFirst: looks > 0 };
      }
      looks += 1;
      this.#heed(whateverHappens);
      if (lagMs > withinMs) throw new UnseenError(outcome.kind, `${quantity} was ${outcome.kind} and does not show after ${Math.round(lagMs)} ms: a read gives ${reading.quantity}`);
      // What takes a quarter of an hour need not be known to half a second.
      await sleep(Math.max(5, lookEveryMs / timeScale, lagMs / lookShare));
    }
  }

  /**
   * Brings back the quantity it opened with, less what was sold meanwhile. Where a write is in doubt, a lower number
   * may be that write's, and nothing counts as sold: a test listing is not meant to sell.
   *
   * @throws {Error} naming listing and quantity, for a person
   */
  async restore(): Promise<void> {
    let failure: unknown;
    for (let tries = 0; tries < restoreTries; tries++) {
      try {
        await this.#settled();
        const proven = this.#proven;
        const { quantity } = await this.read();
        if (proven !== undefined) this.#sold += Math.max(0, proven - quantity);
        const wanted = Math.max(0, this.quantity - this.#sold);
        if (quantity !== wanted || proven === undefined) await this.set(wanted, { whateverHappens: true });
        return;
      } catch (error) {
        failure = error;
        await sleep(4 * lookEveryMs / this.#caller.timeScale);
      }
    }
    throw new Error(`listing ${this.listing.id} (SKU ${this.listing.sku}) could not be restored: set it to ${this.quantity - this.#sold} by hand. ${(failure as Error).message}`, { cause: failure });
  }

  /** A write that shows after its successor would undo the restoration: it is waited for. */
  async #settled(): Promise<void> {
    while (this.#doubt && performance.now() < this.#doubt.until && (await this.read()).quantity !== this.#doubt.quantity) {
      await sleep(Math.max(5, lookEveryMs / this.#caller.timeScale));
    }
    this.#doubt = undefined;
  }

  #heed(whateverHappens: boolean): void {
    if (this.#caller.stopped && !whateverHappens) throw new Error('interrupted');
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
