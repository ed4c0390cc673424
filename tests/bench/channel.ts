/** A channel that answers at once and proves what it answers: what is measured is Plumb and the broker. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import type { Call, ChannelAdapter, Listing, ListingPage, Operation, OrderPage, ReadOutcome, WriteEntry, WriteOutcome } from '../../actors/channel/adapter.ts';

export interface Arrival {
  account: string;
  sku: string;
  quantity: number;
  /** `process.hrtime` in ms: the same clock in every process of one machine. */
  at: number;
}

export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** In columns: an object for each would be a sixth of all that the node's collector has to look at. */
export class Arrivals {
  readonly #accounts: string[] = [];
  readonly #skus: string[] = [];
  readonly #quantities: number[] = [];
  readonly #at: number[] = [];

  note(account: string, sku: string, quantity: number, at: number): void {
    this.#accounts.push(account);
    this.#skus.push(sku);
    this.#quantities.push(quantity);
    this.#at.push(at);
  }

  all(): Arrival[] {
    return this.#at.map((at, i) => ({ account: this.#accounts[i]!, sku: this.#skus[i]!, quantity: this.#quantities[i]!, at }));
  }
}

export class BenchChannel {
  /** Entries written so far, over all accounts. */
  writes = 0;
  /** Kept only while somebody wants them. */
  arrivals: Arrivals | undefined;
  /** By account and listing. */
  #shown = new Map<string, Map<string, number>>();
  readonly #wrote = new Set<string>();
  readonly #batch: number;
  readonly #folder: string;

  /** @param folder keeps what is shown while no node runs: a channel outlives those that write to it */
  constructor(batch: number, folder: string) {
    this.#batch = batch;
    this.#folder = folder;
  }

  save(): void {
    for (const account of this.#wrote) writeFileSync(join(this.#folder, account), serialize(this.#shown.get(account)));
  }

  /** Measures something while what the channel itself remembers is out of the way: it is no part of a node. */
  without(measure: () => number): number {
    const file = this.#putAway();
    const measured = measure();
    this.#shown = deserialize(readFileSync(file)) as Map<string, Map<string, number>>;
    return measured;
  }

  /** A function of its own: what one looked at stays reachable until it ends. Not into a buffer, which nobody can subtract. */
  #putAway(): string {
    const file = join(this.#folder, `away-${process.pid}`);
    writeFileSync(file, serialize(this.#shown));
    this.#shown = new Map(Array.from(this.#shown.keys(), account => [account, new Map()]));
    return file;
  }

  adapter(account: string): ChannelAdapter {
    const file = join(this.#folder, account);
    const kept = existsSync(file) ? deserialize(readFileSync(file)) as Map<string, number> : new Map<string, number>();
    this.#shown.set(account, kept);
    const shown = (): Map<string, number> => this.#shown.get(account)!;
    const operation: Operation = { limit: 'call', cost: 1, batch: this.#batch };
    return {
      channel: 'bench',
      gross: false,
      needsReading: false,
      operations: { write: operation, read: operation, orders: operation, listings: operation },
      write: async (entries: readonly WriteEntry[]): Promise<WriteOutcome[]> => {
        this.writes += entries.length;
        this.#wrote.add(account);
        if (this.arrivals) {
          const at = nowMs();
          for (const { listing, quantity } of entries) this.arrivals.note(account, listing.sku, quantity, at);
        }
        return entries.map(({ listing, signature, quantity }) => {
          shown().set(listing.id, quantity);
          return { kind: 'applied', signature, quantity };
        });
      },
      read: async (listings: readonly Listing[]): Promise<ReadOutcome[]> => listings.map(listing => {
        const quantity = shown().get(listing.id) ?? 0;
        return { kind: 'read', reading: { listing, quantity, buyable: quantity, active: true } };
      }),
      orders: async (_cursor: string | undefined, _call: Call): Promise<OrderPage> => ({ lines: [], cursor: '', more: false, completeThrough: Date.now() }),
      listings: async (): Promise<ListingPage> => ({ readings: [] }),
      tokenExpiresAt: () => undefined,
    };
  }
}
