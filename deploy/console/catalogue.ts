/** What SKU records say, followed: pairs that are not proven, units that do not exist, and which SKUs there are. */
import type { NatsConnection } from 'nats';
import { lookup } from '../../actors/own-keys.ts';
import { unpackStock } from '../../actors/sku/packing.ts';
import { waitsAs } from '../../actors/sku/escrow/acts.ts';
import { ledgerOf } from '../../actors/sku/escrow/ledger.ts';
import { debt } from '../../actors/sku/exposure/ledger.ts';
import type { Shortfall } from '../../actors/sku/exposure/ledger.ts';
import type { Exposure, HeldCell } from '../../actors/sku/exposure/record.ts';
import type { PackedStock } from '../../actors/sku/packing.ts';
import type { Outlet, Stock } from '../../actors/sku/protocol.ts';
import { known } from '../../actors/sku/stock.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import { Reader } from '../../runtime/reader.ts';
import { lastToken, streams } from '../../runtime/subjects.ts';

/** What is not proven of one SKU: what an account is to show; a write of an escrow that is in doubt; units that could be sold twice. */
export type Unproven = { sku: string } & (
  | { kind: 'mirror'; account: string; outlet: Outlet & { intent: NonNullable<Outlet['intent']> } }
  | { kind: 'escrow'; account: string; cell: HeldCell }
  /** One that waits for a person, or that one dropped. */
  | { kind: 'held'; account: string; cell: HeldCell; outlet: Outlet & { intent: NonNullable<Outlet['intent']> } }
  /** `owed`: units that could be sold by now beyond what exists. */
  | { kind: 'shortfall'; shortfall: Shortfall; owed: number }
);

export interface CataloguePorts {
  nc: NatsConnection;
  onError(error: Error): void;
  /** Told of each record. `available` is undefined until counted; `applied` its place in the journal. */
  onRecord(sku: string, available: number | undefined, applied: number): void;
}

/** During an import of a million listings most are unproven; people need the worst of them. */
const unprovenMost = 50_000;
/** Names to search in. */
const namesMost = 500_000;

export class Catalogue {
  readonly #p: CataloguePorts;
  readonly #unproven = new Map<string, Unproven[]>();
  readonly #names = new Set<string>();
  #unprovenPairs = 0;
  /** Some were left out: to be read again when there is room. */
  #overflowed = false;
  #reader: Reader | undefined;
  #complete = false;
  #stopped = false;
  /** Changes whenever the unproven pairs do. */
  version = 0;

  constructor(ports: CataloguePorts) {
    this.#p = ports;
  }

  start(): void {
    this.#reader = new Reader(this.#p.nc, {
      stream: streams.skuRecords,
      filter: '$KV.sku.>',
      from: 'last-per-subject',
      name: 'console',
      onError: error => this.#p.onError(error),
      onCaughtUp: () => { this.#complete = true; this.version += 1; },
      onMessage: message => {
        if (lastToken(message.subject).startsWith('_') || message.data.length === 0) return;
        this.#note(message.json<ActorRecord<PackedStock>>());
      },
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#reader?.stop();
  }

  /** Every record that there was has been read. */
  get complete(): boolean {
    return this.#complete && !this.#overflowed;
  }

  get skus(): number {
    return this.#names.size;
  }

  *unproven(): Generator<Unproven> {
    for (const pairs of this.#unproven.values()) yield* pairs;
  }

  /** SKUs whose name contains the text, whatever its case; those that begin with it first. */
  search(text: string, most: number): string[] {
    const wanted = text.toLowerCase();
    const begin: string[] = [];
    const contain: string[] = [];
    for (const sku of this.#names) {
      const at = sku.toLowerCase().indexOf(wanted);
      if (at === 0) begin.push(sku);
      else if (at > 0 && contain.length < most) contain.push(sku);
      if (begin.length >= most) break;
    }
    return [...begin, ...contain].slice(0, most);
  }

  #note({ applied, context }: ActorRecord<PackedStock>): void {
    const stock = unpackStock(context);
    const { sku, outlets, exposure } = stock;
    if (this.#names.size < namesMost) this.#names.add(sku);
    const before = this.#unproven.get(sku);
    const now = exposure ? inEscrow(stock, exposure) : Object.entries(outlets).flatMap(([account, outlet]): Unproven[] => {
      const { intent, proof } = outlet;
      return intent && proof?.version !== intent.version ? [{ kind: 'mirror', account, sku, outlet: { ...outlet, intent } }] : [];
    });
    if (before || now.length > 0) {
      this.version += 1;
      this.#unprovenPairs -= before?.length ?? 0;
      if (now.length === 0) this.#unproven.delete(sku);
      else if (before || this.#unprovenPairs < unprovenMost) {
        this.#unproven.set(sku, now);
        this.#unprovenPairs += now.length;
      } else this.#overflowed = true;
      if (this.#overflowed && this.#unprovenPairs < unprovenMost / 2) this.#readAgain();
    }
    this.#p.onRecord(sku, known(stock), applied);
  }

  #readAgain(): void {
    this.#overflowed = false;
    const former = this.#reader!;
    setImmediate(() => {
      void former.stop().then(() => { if (!this.#stopped) this.start(); });
    });
  }
}

/** There no number is intended for long: what is in doubt is a write that was stored, or that nothing but time confirmed; and what is held. */
function inEscrow(stock: Stock, exposure: Exposure): Unproven[] {
  const { sku, outlets } = stock;
  const { cells, shortfall } = exposure;
  return [
    ...shortfall ? [{ kind: 'shortfall' as const, sku, shortfall, owed: owedBy(stock) }] : [],
    ...Object.entries(cells).flatMap(([account, cell]): Unproven[] => {
      if (cell.intent || cell.mark?.waited) return [{ kind: 'escrow', account, sku, cell }];
      const outlet = lookup(outlets, account);
      return outlet?.intent && waitsAs(outlet) ? [{ kind: 'held', account, sku, cell, outlet: { ...outlet, intent: outlet.intent } }] : [];
    }),
  ];
}

/** Units that could be sold by now beyond what exists; 0 in mirror mode, where nothing is promised. */
export function owedBy(stock: Stock): number {
  return stock.exposure ? debt(ledgerOf(stock, stock.exposure, undefined)) : 0;
}
