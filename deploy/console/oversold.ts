/**
 * Units that were sold, or promised by an ERP that corrects itself, and do not exist: how far each SKU has gone below
 * zero this month. Followed from its record, and from the fold of its journal for what was before the console came.
 */
import type { NatsConnection } from 'nats';
import { jetstreamManager } from '@nats-io/jetstream';
import { known } from '../../actors/sku/stock.ts';
import { foldPartition, NoSettingsError } from '../replay.ts';
import { partitionCount, streams } from '../../runtime/subjects.ts';
import type { Oversold } from './protocol.ts';

/** A journal of more messages than this is not folded at start: a second for some ten thousand. */
const foldMost = 300_000;
const shown = 20;

interface Debt { units: number; now: number; applied: number }

export class OversoldCount {
  readonly #now: () => number;
  /** SKUs that are below zero or were this month. */
  readonly #debts = new Map<string, Debt>();
  #month: number;
  #since: number;
  #folding = false;

  constructor(now: () => number) {
    this.#now = now;
    this.#since = now();
    this.#month = monthOf(now());
  }

  /** A SKU as of its journal's message `applied`; what is older than known changes nothing. */
  note(sku: string, available: number | undefined, applied: number): void {
    this.#turnMonth();
    const owed = Math.max(0, -(available ?? 0));
    const known = this.#debts.get(sku);
    if (!known) {
      if (owed > 0) this.#debts.set(sku, { units: owed, now: owed, applied });
    } else if (applied > known.applied) {
      this.#debts.set(sku, { units: known.units + Math.max(0, owed - known.now), now: owed, applied });
    }
  }

  /** Adds what the journals tell of the month before now. @throws {Error} when they cannot be read */
  async fold(nc: NatsConnection): Promise<void> {
    const manager = await jetstreamManager(nc);
    const { state } = await manager.streams.info(streams.sku);
    if (state.messages > foldMost) return;
    this.#folding = true;
    try {
      for (let partition = 0; partition < partitionCount; partition++) {
        for (const [sku, debt] of await monthOfPartition(nc, partition, this.#month)) this.#join(sku, debt);
      }
      this.#since = this.#month;
    } catch (error) {
      // Where no node has ever run nothing was sold.
      if (!(error instanceof NoSettingsError)) throw error;
    } finally {
      this.#folding = false;
    }
  }

  get told(): Oversold {
    this.#turnMonth();
    let month = 0;
    let now = 0;
    const skus: Oversold['skus'] = [];
    for (const [sku, debt] of this.#debts) {
      month += debt.units;
      now += debt.now;
      if (debt.units > 0) skus.push({ sku, units: debt.units });
    }
    skus.sort((a, b) => b.units - a.units || (a.sku < b.sku ? -1 : 1));
    return { month, now, skus: skus.slice(0, shown), since: this.#since, folding: this.#folding };
  }

  /** Takes the journal's word up to where it was folded, and the record's from there on. */
  #join(sku: string, told: Debt): void {
    const live = this.#debts.get(sku);
    if (!live || live.applied <= told.applied) this.#debts.set(sku, told);
    else this.#debts.set(sku, { units: told.units + Math.max(0, live.now - told.now), now: live.now, applied: live.applied });
  }

  #turnMonth(): void {
    const month = monthOf(this.#now());
    if (month === this.#month) return;
    this.#month = this.#since = month;
    for (const [sku, debt] of this.#debts) {
      if (debt.now === 0) this.#debts.delete(sku);
      else debt.units = 0;
    }
  }
}

async function monthOfPartition(nc: NatsConnection, partition: number, from: number): Promise<Map<string, Debt>> {
  const debts = new Map<string, Debt>();
  await foldPartition(nc, partition, (sku, { message, after }) => {
    const owed = Math.max(0, -(known(after.context) ?? 0));
    const before = debts.get(sku);
    if (owed === 0 && !before) return;
    const grown = message.at >= from ? Math.max(0, owed - (before?.now ?? 0)) : 0;
    debts.set(sku, { units: (before?.units ?? 0) + grown, now: owed, applied: message.seq });
  });
  return debts;
}

/** First instant of the month, UTC. */
function monthOf(at: number): number {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}
