/**
 * One simulated SKU: its channels, its ERP, the store of its ledger, and time. It holds the truth (what exists, what was
 * sold) beside what the owner of the ledger knows; the checks compare both after every step.
 */
import { Heap } from '../../../actors/heap.ts';
import type { Policy } from '../../../actors/sku/exposure/allocation.ts';
import { byDemand } from '../../../actors/sku/exposure/allocation.ts';
import { emptyLedger } from '../../../actors/sku/exposure/ledger.ts';
import type { Ledger, Terms } from '../../../actors/sku/exposure/ledger.ts';
import type { Said } from '../../../actors/sku/exposure/said.ts';
import { rules } from '../../../actors/sku/exposure.ts';
import type { ExposureFact, Rules } from '../../../actors/sku/exposure.ts';
import { Channel } from './channel.ts';
import { counting } from './conditions.ts';
import type { Conditions } from './conditions.ts';
import type { Dice } from './dice.ts';

/** A protocol to be run: the real one, or one with a known fault. */
export interface Design {
  rules: Rules;
  policy: Policy;
  /** What the ledger takes a channel for. */
  believes(terms: Terms): Terms;
  /** Requests carry no key. */
  unkeyed?: true;
  /** A former owner may store and send. */
  unfenced?: true;
  /** Nobody notices that the record lost writes. */
  unguarded?: true;
  /** Orders close when the warehouse likes. */
  ungated?: true;
  /** Orders are polled before each write. */
  pollFirst?: true;
  /** A cell is read while a write to it is in doubt. */
  readsEarly?: true;
  /** Counts of sales are any numbers. */
  liars?: true;
  /** Where to hunt for it: the same world, with the channels and faults that it needs. */
  under?(conditions: Conditions): Conditions;
}

export const sound: Design = { rules, policy: byDemand, believes: terms => terms };

/** Orders of every channel can be found so long after they were made (A3). */
export const lagMs = 60_000;

export interface Violation { check: string; at: number; text: string }
export interface Told { at: number; who: string; text: string }

export interface Figures {
  facts: number;
  writes: number;
  withheld: number;
  sold: number;
  /** Units sold beyond what existed, in all; and without any cause from outside. */
  oversold: number;
  unexplained: number;
  /** Facts that left no trace in the ledger, or more than one. */
  lost: number;
  doubled: number;
  shortfalls: number;
  /** Units that a channel's count of its sales told of before the order line did. */
  counted: number;
  /** From the end of buyers and faults to the last write, or the last change of rights. */
  convergedMs: number;
}

export class World {
  now = 0;
  readonly conditions: Conditions;
  readonly dice: Dice;
  readonly design: Design;
  readonly channels: Record<string, Channel> = {};
  /** What exists, by ERP version; index 0 is before it was ever counted. */
  readonly supplies: number[] = [];
  supply: number;
  /** Newest ERP version that reached the owner. */
  toldVersion = -1;
  /** Something outside happened that may bring a debt. */
  disturbed = false;
  /** Durable: the record, its revision, and the records before it. */
  readonly store: { ledger: Ledger; revision: number; past: Ledger[] } = { ledger: emptyLedger(), revision: 0, past: [] };
  /** Ids of writes ever stored. */
  readonly intents = new Set<string>();
  readonly journal: { fact: ExposureFact; at: number }[] = [];
  readonly said: (Said & { at: number })[] = [];
  readonly violations: Violation[] = [];
  readonly story: Told[] | undefined;
  readonly figures: Figures = { facts: 0, writes: 0, withheld: 0, sold: 0, oversold: 0, unexplained: 0, lost: 0, doubled: 0, shortfalls: 0, counted: 0, convergedMs: 0 };
  /** Demand as sold units by cell. */
  readonly demand: Record<string, number> = {};
  readonly #events = new Heap<() => void>();
  readonly #past = new Map<string, { at: number; quantity: number; version: number; count: number | undefined }[]>();

  constructor(dice: Dice, conditions: Conditions, design: Design, tellsStory = false) {
    this.dice = dice;
    this.conditions = conditions;
    this.design = design;
    this.supply = conditions.supply;
    this.store.ledger = emptyLedger(conditions.outside.entry > 0 ? 'mirror' : 'escrow');
    this.disturbed = conditions.outside.entry > 0;
    this.story = tellsStory ? [] : undefined;
    for (const [id, terms] of Object.entries(conditions.cells)) {
      const tells = counting.get(id);
      const counts = tells && { ...tells, from: dice.whole(`count ${id}`, 0, 1) * dice.whole(`history ${id}`, 1, 5_000), takesOff: dice.whole(`takes off ${id}`, 0, 1) === 1 };
      this.channels[id] = new Channel(id, terms, dice.whole(`skew ${id}`, -terms.marginMs / 2, terms.marginMs / 2), counts);
      this.note(this.channels[id]!);
    }
  }

  /** Buyers and faults go on until then. */
  get isQuiet(): boolean {
    return this.now >= this.conditions.lengthMs;
  }

  at(time: number, act: () => void): void {
    this.#events.add(Math.max(time, this.now), act);
  }

  in(ms: number, act: () => void): void {
    this.at(this.now + ms, act);
  }

  /** Runs until `end`, or until the first violation where `stops`. */
  run(end: number, stops: boolean): void {
    for (;;) {
      const next = this.#events.take(end);
      if (!next || (stops && this.violations.length > 0)) return;
      this.now = next.at;
      next.value();
    }
  }

  /** A fault of a kind happens, here and now; none does once it is quiet. */
  fault(kind: keyof Conditions['faults'], what: string): boolean {
    return !this.isQuiet && this.dice.happens(`${kind} ${what}`, this.conditions.faults[kind]);
  }

  tell(who: string, text: () => string): void {
    this.story?.push({ at: this.now, who, text: text() });
  }

  violated(check: string, text: string): void {
    if (this.violations.some(one => one.check === check)) return;
    this.violations.push({ check, at: this.now, text });
    this.tell('CHECK', () => `${check}: ${text}`);
  }

  /** Remembers what a channel shows now: stale reads see it later. */
  note(channel: Channel): void {
    const past = this.#past.get(channel.id) ?? [];
    past.push({ at: this.now, quantity: channel.quantity, version: channel.version, count: channel.count });
    this.#past.set(channel.id, past);
  }

  shownAt(channel: Channel, time: number): { quantity: number; version: number; count: number | undefined } {
    return this.#past.get(channel.id)!.findLast(({ at }) => at <= time) ?? this.#past.get(channel.id)![0]!;
  }

  get netSold(): number {
    let units = 0;
    for (const id in this.channels) units += this.channels[id]!.sold - this.channels[id]!.cancelled;
    return units;
  }

  /** A buyer buys, if the channel offers it. */
  sell(channel: Channel, id: string, units: number, isHeld = false): void {
    if (!isHeld && channel.offered < units) {
      this.tell('buyer', () => `finds nothing at ${channel.id}`);
      return;
    }
    const { lag, isLate } = this.#lag(id);
    if (isLate) {
      this.disturbed = true;
      channel.late += units;
    }
    const sale = channel.sell(id, units, this.now, lag);
    this.note(channel);
    this.figures.sold += units;
    this.demand[channel.id] = (this.demand[channel.id] ?? 0) + units;
    this.tell('buyer', () => `buys ${units} at ${channel.id}${isHeld ? ', paid for by now' : ''}: order ${id}`);
    const beyond = Math.min(units, this.netSold - this.supply);
    if (beyond > 0) {
      this.figures.oversold += beyond;
      if (!this.disturbed) {
        this.figures.unexplained += beyond;
        this.violated('oversold', `order ${id} at ${channel.id} sells ${beyond} of ${this.supply} units a second time`);
      }
    }
    this.onSale(sale.id, channel);
  }

  /** Set by who watches orders. */
  onSale: (id: string, channel: Channel) => void = () => {};

  #lag(id: string): { lag: number; isLate: boolean } {
    const isLate = !this.isQuiet && this.dice.happens(`late order ${id}`, this.conditions.outside.lateOrder);
    return { isLate, lag: isLate ? this.dice.whole(`lag ${id}`, lagMs, 10 * lagMs) : this.dice.whole(`lag ${id}`, 100, lagMs * 0.9) };
  }
}
