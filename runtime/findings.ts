/** The open findings of one account: kept in its record bucket, closed by proof, told as drift alerts. */
import type { Logger } from 'pino';
import type { AnyMachineSnapshot } from 'xstate';
import type { Reading } from '../actors/channel/adapter.ts';
import type { Effect } from '../actors/effect.ts';
import type { Judgement } from '../actors/reconciler/drift.ts';
import { findingMachine } from '../actors/reconciler/machine.ts';
import { expectedOf } from '../actors/reconciler/proof.ts';
import type { Pair } from '../actors/reconciler/proof.ts';
import type { DriftClass, Finding, FindingEvent } from '../actors/reconciler/protocol.ts';
import { openUnits } from '../actors/sku/lines.ts';
import { unpackStock } from '../actors/sku/packing.ts';
import type { PackedStock } from '../actors/sku/packing.ts';
import type { Outlet } from '../actors/sku/protocol.ts';
import type { ActorRecord, PublishEffect } from './actor.ts';
import { Applied } from './applied.ts';
import { OwnedRecord } from './owned-record.ts';
import { perform } from './perform.ts';
import type { Publisher } from './publisher.ts';
import type { Records } from './records.ts';
import { digest } from './signature.ts';
import { stepper } from './step.ts';
import type { Snapshot } from './step.ts';
import { channelRecord, skuRecordSubject } from './subjects.ts';

interface FindingsPorts {
  account: string;
  publisher: Publisher;
  records: Records;
  log: Logger;
  /** What is known of a SKU by now. */
  pairOf(sku: string): Pair | undefined;
  /** Of one unit, where it is known. */
  priceOf(sku: string): number | undefined;
  /** Told of each finding when it is made. */
  onFound?(finding: Finding): void;
  /** Told when another owner writes the findings. */
  onLost(reason: string): void;
}

/** `outbox`: alerts that are not known to be told. `lately`: when each SKU was last found to drift. */
interface FindingsRecord { v: 1; findings: Record<string, Snapshot<Finding>>; outbox: PublishEffect[]; lately?: [sku: string, at: number][] }

const machine = stepper<Finding>(findingMachine);

/** What no write of ours mends is a person's from the start. */
const treatments: Record<DriftClass, { action?: string }> = {
  'foreign-edit': {}, 'lost-write': {}, 'expired-acceptance': {}, 'frozen-listing': {},
  'missing-listing': { action: 'look whether the listing was ended or deleted; link it again, or remove it' },
};

const again = (version: number, observed: number): FindingEvent => ({ type: 'observed.again', version, observed });
const decided = (signature: string): FindingEvent => ({ type: 'repair.decided', signature });
const proven = (quantity: number, at: number, by: 'write' | 'read'): FindingEvent => ({ type: 'proven', quantity, at, by });

const retryMs = 500;
/** SKUs that drifted are watched for so long, ms. */
const latelyMs = 86_400_000;
const latelyMost = 500;
/** One record holds them all. Where there are more, something else is wrong than single listings. */
const openMax = 500;

export class Findings {
  readonly #p: FindingsPorts;
  readonly #bySku = new Map<string, AnyMachineSnapshot>();
  readonly #applied: Applied;
  readonly #record: OwnedRecord<FindingsRecord>;
  readonly #stopped = Promise.withResolvers<void>();
  #isStopped = false;
  #outbox: PublishEffect[] = [];
  readonly #found: Record<string, number> = {};
  readonly #lately = new Map<string, number>();
  /** Changes are stored and told one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(ports: FindingsPorts) {
    this.#p = ports;
    this.#applied = new Applied({ publisher: ports.publisher, appliedOf: sku => ports.pairOf(sku)?.applied ?? 0, stopped: this.#stopped.promise });
    this.#record = new OwnedRecord(ports.records, channelRecord.findings(ports.account), reason => {
      void this.stop();
      ports.onLost(reason);
    });
  }

  get open(): number {
    return this.#bySku.size;
  }

  /** Open findings by class, and those found here since this owner began by class and severity (`lost-write high`). */
  get figures(): { open: Record<string, number>; found: Record<string, number> } {
    const open: Record<string, number> = {};
    for (const state of this.#bySku.values()) count(open, (state.context as Finding).class);
    return { open, found: { ...this.#found } };
  }

  /** Takes over what the former owner had found, and tells what it may not have told. */
  async load(): Promise<void> {
    const stored = await this.#record.load();
    if (!stored) return;
    for (const [sku, snapshot] of Object.entries(stored.findings)) this.#bySku.set(sku, machine.restore(snapshot));
    this.#outbox = stored.outbox;
    for (const [sku, at] of stored.lately ?? []) this.#lately.set(sku, at);
    if (this.#outbox.length > 0) void this.#store([]);
  }

  /** Nothing is stored or told any more; resolves when what was under way is over. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopped.resolve();
    await this.#turn;
  }

  /** The channel did not know its listing. */
  isMissing(sku: string): boolean {
    return this.isOf(sku, 'missing-listing');
  }

  /** What was found of the SKU and is not over is of that class. */
  isOf(sku: string, what: Finding['class']): boolean {
    return (this.#bySku.get(sku)?.context as Finding | undefined)?.class === what;
  }

  /** It was found to drift within the last day. */
  hasDrifted(sku: string, now: number): boolean {
    return now - (this.#lately.get(sku) ?? -Infinity) < latelyMs;
  }

  /**
   * A reading was judged to be drift. Told only when the SKU has applied everything its journal holds and intends
   * the same still: a sale that is on its way into the record explains the difference, and so may what an open order of
   * the channel's has given back.
   *
   * @param repair asks the SKU for a repair under the finding's id
   */
  async found(pair: Pair, { quantity: observed }: Pick<Reading, 'quantity'>, judgement: Extract<Judgement, { kind: 'drift' }>, repair: (finding: string) => void): Promise<void> {
    const { account } = this.#p;
    const { sku } = pair;
    const expected = expectedOf(pair)!;
    const { version } = expected;
    if (!await this.#applied.all(sku) || this.#isOver(sku, expected)) return;
    const { unlessRestocked } = judgement;
    if (unlessRestocked !== undefined && (await this.#openUnits(sku) >= unlessRestocked || this.#isOver(sku, expected))) return;
    let state = this.#bySku.get(sku);
    const effects: Effect[] = [];
    if (state) {
      // Two reads of the same may be on their way here.
      const { id, version: known, repairs } = state.context as Finding;
      if (known === version && repairs > 0) return state.matches('task') ? undefined : repair(id);
      state = machine.step(state, again(version, observed), effects);
    } else {
      const id = `drf-${digest(account, sku, version, observed)}`;
      if (this.open >= openMax) {
        this.#p.log.error({ account, sku, id, observed }, 'too many open findings: repaired without an alert');
        return repair(id);
      }
      state = machine.initial(this.#finding(id, sku, expected, observed, judgement));
      count(this.#found, `${judgement.class} ${judgement.severity}`);
      this.#p.onFound?.(state.context as Finding);
    }
    const { action } = treatments[judgement.class];
    const next: FindingEvent = action === undefined ? { type: 'repair.asked' } : { type: 'person.asked', action };
    state = machine.step(state, next, effects);
    this.#bySku.set(sku, state);
    this.#noteDrift(sku);
    await this.#store(effects);
    if (!this.#isStopped && !state.matches('task')) repair((state.context as Finding).id);
  }

  /** Something else is expected by now, or nothing is to be told here any more. */
  #isOver(sku: string, { version, quantity }: { version: number; quantity: number }): boolean {
    const pair = this.#p.pairOf(sku);
    const now = pair && expectedOf(pair);
    return this.#isStopped || now?.version !== version || now.quantity !== quantity;
  }

  #finding(id: string, sku: string, { version, quantity }: { version: number; quantity: number }, observed: number, judgement: Extract<Judgement, { kind: 'drift' }>): Finding {
    const { account, priceOf } = this.#p;
    const unitsAtRisk = Math.max(0, observed - quantity);
    const price = priceOf(sku);
    return {
      id, account, sku, version, observed, unitsAtRisk,
      class: judgement.class,
      severity: judgement.severity,
      expected: quantity,
      ...(price !== undefined && { valueAtRisk: Math.round(unitsAtRisk * price * 100) / 100 }),
      observableAt: judgement.observableAt,
      detectedAt: Date.now(),
      repairs: 0,
    };
  }

  #noteDrift(sku: string): void {
    this.#lately.delete(sku);
    this.#lately.set(sku, Date.now());
    if (this.#lately.size > latelyMost) this.#lately.delete(this.#lately.keys().next().value!);
  }

  /** In orders of this account that the channel may still cancel. */
  async #openUnits(sku: string): Promise<number> {
    const stored = await this.#p.records.get<ActorRecord<PackedStock>>(skuRecordSubject(sku));
    return stored ? openUnits(unpackStock(stored.value.context), this.#p.account) : 0;
}

  /** Whether anything was found of the SKU that is not over. */
  has(sku: string): boolean {
    return this.#bySku.has(sku);
  }

  /** The SKU's record moved on, and says nothing new of the listing. */
  onApplied(sku: string, applied: number): void {
    this.#applied.note(sku, applied);
  }

  /** The SKU's record moved on: its repair was decided, or what was intended is proven. */
  onRecord({ sku, applied }: Pair, outlet: Outlet): void {
    this.onApplied(sku, applied);
    let state = this.#bySku.get(sku);
    if (!state || !outlet.intent) return;
    const effects: Effect[] = [];
    const { intent, proof } = outlet;
    const found = (state.context as Finding).version;
    // The intent that was found wrong cannot close its own finding; a newer one that is proven does.
    if (intent.version === found) return;
    if (state.matches('open')) state = machine.step(state, decided(intent.signature), effects);
    if (proof?.version === intent.version) state = machine.step(state, proven(proof.quantity, proof.at, proof.by), effects);
    this.#keep(sku, state, effects);
  }

  /** A read showed what is intended: whatever was found is over. */
  onEqual({ sku }: Pair, quantity: number, at: number): void {
    const state = this.#bySku.get(sku);
    if (!state) return;
    const effects: Effect[] = [];
    this.#keep(sku, machine.step(state, proven(quantity, at, 'read'), effects), effects);
  }

  #keep(sku: string, state: AnyMachineSnapshot, effects: readonly Effect[]): void {
    if (state === this.#bySku.get(sku)) return;
    if (state.status === 'done') this.#bySku.delete(sku);
    else this.#bySku.set(sku, state);
    void this.#store(effects);
  }

  /** Stores the findings with what they ask to tell, then tells it; resolves when both is done, or not to be done here. */
  #store(effects: readonly Effect[]): Promise<void> {
    for (const effect of effects) if (effect.kind === 'publish') this.#outbox.push({ to: effect.to, id: effect.id, body: effect.body });
    this.#turn = this.#turn.then(() => this.#flush());
    return this.#turn;
  }

  async #flush(): Promise<void> {
    while (!this.#isStopped) {
      try {
        const outbox = [...this.#outbox];
        const saved = await this.#record.save(() => this.#snapshot(outbox));
        if (saved === 'stored' && outbox.length === 0) return;
        if (saved === 'stored') {
          await perform(this.#p.publisher, outbox);
          this.#outbox = this.#outbox.filter(effect => !outbox.includes(effect));
          // Stored once more without them: the next owner must not tell them again.
          continue;
        }
      } catch (error) {
        this.#p.log.warn({ err: error, account: this.#p.account }, 'findings could not be stored or told, trying again');
      }
      await this.#pause();
    }
  }

  #snapshot(outbox: PublishEffect[]): FindingsRecord {
    const findings = Object.fromEntries([...this.#bySku].map(([sku, state]) => [sku, { value: state.value, context: state.context as Finding }]));
    return { v: 1, findings, outbox, ...(this.#lately.size > 0 && { lately: [...this.#lately] }) };
  }

  async #pause(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.#stopped.promise, new Promise(resolve => { timer = setTimeout(resolve, retryMs); })]);
    clearTimeout(timer);
  }
}

function count(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}
