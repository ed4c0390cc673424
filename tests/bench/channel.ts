/** A channel that answers at once and proves what it answers: what is measured is Plumb and the broker. */
import type { Call, ChannelAdapter, Listing, ListingPage, Operation, OrderPage, ReadOutcome, WriteEntry, WriteOutcome } from '../../actors/channel/adapter.ts';

export interface Arrival {
  account: string;
  sku: string;
  /** `process.hrtime` in ms: the same clock in every process of one machine. */
  at: number;
}

export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export class BenchChannel {
  /** Entries written so far, over all accounts. */
  writes = 0;
  /** Kept only while somebody wants them. */
  arrivals: Arrival[] | undefined;
  readonly #shown = new Map<string, number>();
  readonly #batch: number;

  constructor(batch: number) {
    this.#batch = batch;
  }

  adapter(account: string): ChannelAdapter {
    const operation: Operation = { limit: 'call', cost: 1, batch: this.#batch };
    return {
      channel: 'bench',
      gross: false,
      needsReading: false,
      operations: { write: operation, read: operation, orders: operation, listings: operation },
      write: async (entries: readonly WriteEntry[]): Promise<WriteOutcome[]> => {
        this.writes += entries.length;
        if (this.arrivals) {
          const at = nowMs();
          for (const { listing } of entries) this.arrivals.push({ account, sku: listing.sku, at });
        }
        return entries.map(({ listing, signature, quantity }) => {
          this.#shown.set(listing.id, quantity);
          return { kind: 'applied', signature, quantity };
        });
      },
      read: async (listings: readonly Listing[]): Promise<ReadOutcome[]> => listings.map(listing => {
        const quantity = this.#shown.get(listing.id) ?? 0;
        return { kind: 'read', reading: { listing, quantity, buyable: quantity, active: true } };
      }),
      orders: async (_cursor: string | undefined, _call: Call): Promise<OrderPage> => ({ lines: [], cursor: '', more: false, completeThrough: Date.now() }),
      listings: async (): Promise<ListingPage> => ({ readings: [] }),
      tokenExpiresAt: () => undefined,
    };
  }
}
