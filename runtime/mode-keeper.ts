/**
 * Looks how scarce SKUs are whose mode is left to that, and tells those that should change it: escrow while a sell-out could
 * oversell, mirror when there is plenty again (docs/exposure.md). One unit, owned by one node; its memory may be lost, since a SKU keeps its
 * mode until told.
 */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import { isProven, reasonToMirror } from '../actors/sku/escrow/mode.ts';
import { modeOf } from '../actors/sku/exposure/mode.ts';
import type { Mode } from '../actors/sku/exposure/record.ts';
import { measuredOf, scarcityOf } from '../actors/sku/exposure/scarcity.ts';
import type { Delays } from '../actors/sku/exposure/scarcity.ts';
import { unpackStock } from '../actors/sku/packing.ts';
import type { PackedStock } from '../actors/sku/packing.ts';
import type { SkuFact, Stock } from '../actors/sku/protocol.ts';
import type { ActorRecord } from './actor.ts';
import { encodeJournal, journalHeaders } from './codec.ts';
import { delaysFrom } from './delays.ts';
import type { Owned } from './placement.ts';
import type { Publisher } from './publisher.ts';
import type { Records } from './records.ts';
import { modesSubject, skuRecordSubject, skuSubject } from './subjects.ts';
import type { Tap } from './tap.ts';

export interface ModeKeeperPorts {
  nc: NatsConnection;
  publisher: Publisher;
  records: Records;
  tap: Tap;
  log: Logger;
  accounts: readonly string[];
  /** Of SKUs for which people have set none. */
  mode: Mode;
  /** Why none of them may be in escrow; undefined where they may. */
  mirrorOnly?: string | undefined;
  /** Accepted chance that a sell-out in mirror mode oversells. */
  risk: number;
  debounceMs: number;
  /** Stands in for a delay that was not measured. */
  unmeasuredMs: number;
  /** How many times faster than the vendors' a day is here. */
  pace: number;
}

type Stored = ActorRecord<Stock | PackedStock>;

/** Kept under `modesSubject`, for who asks why a scarce SKU mirrors. */
export interface ModeBars { v: 1; mirrorOnly?: string }

/** A SKU that sells fast is looked at once in so long, whatever becomes of it in between. */
const lookAfterMs = 100;
/** What accounts measure is asked for as often at most. */
const measureEveryMs = 10_000;
/** SKUs in escrow are looked at again, though nothing is told of them: what sells little now may have sold much. */
const lookEveryMs = 60_000;

/** What a SKU's channels were sent is proven within, or it enters escrow without. */
const proofWithinMs = 10_000;

export class ModeKeeper implements Owned {
  readonly #p: ModeKeeperPorts;
  #delays: Record<string, Delays> = {};
  #measuredAt = 0;
  /** Sequence of what a SKU was told and has not applied yet. */
  readonly #told = new Map<string, number>();
  readonly #inEscrow = new Set<string>();
  /** SKUs that are to enter escrow once what was sent for them is proven, since then. */
  readonly #unproven = new Map<string, number>();
  /** Accounts that somebody else writes, all of them or in part: no ledger can keep what it does not write. */
  readonly #shared = new Set<string>();
  /** Records that came since the last look, by SKU. */
  readonly #changed = new Map<string, Stored>();
  #look: NodeJS.Timeout | undefined;
  #lookingAgain: NodeJS.Timeout | undefined;

  constructor(ports: ModeKeeperPorts) {
    this.#p = ports;
  }

  start(): void {
    this.#lookingAgain = setInterval(() => void this.#lookAgain(), lookEveryMs);
    this.#p.tap.watch(this.#onRecord);
    void this.#recordBars();
  }

  async release(): Promise<void> {
    this.#p.tap.unwatch(this.#onRecord);
    clearInterval(this.#lookingAgain);
    clearTimeout(this.#look);
    this.#changed.clear();
  }

  /** Of most records nothing follows, and this is all that is done for them. */
  readonly #onRecord = (record: Stored): void => {
    const { context, quarantined } = record;
    const { sku, mode = this.#p.mode, exposure } = context;
    if (exposure && mode === 'auto') this.#inEscrow.add(sku);
    else this.#inEscrow.delete(sku);
    if (mode !== 'auto' || quarantined || (!exposure && hasSoldNothing(context))) {
      this.#changed.delete(sku);
      return;
    }
    this.#lookAt(record);
  };

  #lookAt(record: Stored): void {
    this.#changed.set(record.context.sku, record);
    this.#look ??= setTimeout(() => void this.#lookAtAll(), lookAfterMs);
  }

  async #lookAtAll(): Promise<void> {
    if (Date.now() - this.#measuredAt >= measureEveryMs) await this.#measure();
    this.#look = undefined;
    const changed = [...this.#changed.values()];
    this.#changed.clear();
    for (const record of changed) {
      try {
        this.#consider(record);
      } catch (error) {
        this.#p.log.error({ err: error, sku: record.context.sku }, 'a SKU could not be looked at for its mode');
      }
    }
  }

  #consider(record: Stored): void {
    const { applied, context } = record;
    const { sku, exposure } = context;
    if (applied < (this.#told.get(sku) ?? 0)) return;
    this.#told.delete(sku);
    const stock = 'lines' in context ? context : unpackStock(context);
    const shared = Object.keys(stock.outlets).find(account => this.#shared.has(account));
    if (shared !== undefined) {
      if (exposure) this.#tell(sku, { type: 'mode.chosen', mode: 'mirror', why: `${shared} is not live` }, applied);
      return;
    }
    const written = Object.values(stock.outlets).filter(({ rule }) => !rule.skip);
    if (written.length < 2 && exposure) this.#tell(sku, { type: 'mode.chosen', mode: 'mirror', why: 'one channel' }, applied);
    if (written.length < 2 || (!exposure && reasonToMirror(stock) !== undefined)) return;
    const mode = this.#chosen(stock);
    if (mode === undefined) this.#unproven.delete(sku);
    else if (mode.mode === 'escrow' && !written.every(isProven) && this.#waits(sku)) this.#lookAt({ ...record, context: stock });
    else this.#tell(sku, mode, applied);
  }

  /**
   * What was sent before is out of a ledger's sight, and its channel is left alone until it is over: while it mirrors it
   * is lowered at once, so that its proof is worth a wait.
   */
  #waits(sku: string): boolean {
    const since = this.#unproven.get(sku) ?? Date.now();
    this.#unproven.set(sku, since);
    return Date.now() - since < proofWithinMs;
  }

  /** The other mode, where it is asked for. */
  #chosen(stock: Stock): Extract<SkuFact, { type: 'mode.chosen' }> | undefined {
    const { mirrorOnly, risk, debounceMs, unmeasuredMs, pace } = this.#p;
    const current = stock.exposure ? 'escrow' : 'mirror';
    if (mirrorOnly !== undefined) return stock.exposure && { type: 'mode.chosen', mode: 'mirror', why: mirrorOnly };
    const scarcity = scarcityOf(stock, measuredOf(stock, this.#delays, Date.now(), pace), debounceMs);
    if (scarcity.known === undefined) return undefined;
    const { mode, why } = modeOf(current, { ...scarcity, delayMs: scarcity.delayMs ?? unmeasuredMs }, risk);
    return mode === current ? undefined : { type: 'mode.chosen', mode, why };
  }

  #tell(sku: string, fact: Extract<SkuFact, { type: 'mode.chosen' }>, applied: number): void {
    const { publisher, log } = this.#p;
    this.#told.set(sku, Infinity);
    this.#unproven.delete(sku);
    publisher.publish(skuSubject(sku), encodeJournal(fact), journalHeaders({ id: `mode:${sku}:${applied}:${fact.mode}` })).then(({ seq }) => {
      this.#told.set(sku, seq);
    }, (error: unknown) => {
      this.#told.delete(sku);
      log.warn({ err: error, sku }, 'a SKU could not be told its mode; its next record brings it up again');
    });
  }

  async #recordBars(): Promise<void> {
    const { mirrorOnly, records, log } = this.#p;
    const bars: ModeBars = { v: 1, ...(mirrorOnly !== undefined && { mirrorOnly }) };
    await records.set(modesSubject, bars).catch((error: unknown) => log.warn({ err: error }, 'what keeps SKUs from escrow could not be stored'));
  }

  async #lookAgain(): Promise<void> {
    for (const sku of this.#inEscrow) {
      const stored = await this.#p.records.get<ActorRecord<PackedStock>>(skuRecordSubject(sku)).catch(() => undefined);
      if (stored) this.#onRecord(stored.value);
    }
  }

  /** What accounts measure; of one that does not answer, or whose new owner has written nothing yet, the last is kept. */
  async #measure(): Promise<void> {
    const { nc, accounts } = this.#p;
    await Promise.all(accounts.map(async account => {
      const answer = await nc.request(`inspect.channel.${account}`, '', { timeout: 2_000 }).catch(() => undefined);
      if (!answer) return;
      this.#delays = { ...this.#delays, [account]: { ...this.#delays[account], ...delaysFrom(answer.json(), Date.now()) } };
      if (answer.json<{ isWhole?: boolean }>().isWhole === false) this.#shared.add(account);
      else this.#shared.delete(account);
    }));
    this.#measuredAt = Date.now();
  }
}

/** Sold or not, as far back as the record has order lines: what does not sell does not sell out. */
function hasSoldNothing(context: Stock | PackedStock): boolean {
  for (const _ in 'lines' in context ? context.lines : context.orders) return false;
  return true;
}
