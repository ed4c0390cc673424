/**
 * Who owns the ledger: takes facts in journal order, stores each step by compare-and-set, plans and sends. It may crash,
 * which loses everything but the record, or be paused and wake up as a former owner.
 */

import { free, known } from '../../../actors/sku/exposure/ledger.ts';
import type { Allowed, Ledger } from '../../../actors/sku/exposure/ledger.ts';
import { mirrored } from '../../../actors/sku/exposure/allocation.ts';
import { dueAt, plan } from '../../../actors/sku/exposure/plan.ts';
import type { Act } from '../../../actors/sku/exposure/plan.ts';
import { apply } from '../../../actors/sku/exposure.ts';
import type { ExposureFact } from '../../../actors/sku/exposure.ts';
import { checkStep } from './check.ts';
import { minute, second } from './conditions.ts';
import { inWords } from './story.ts';
import type { World } from './world.ts';

/** A node's process with the ledger in its memory. */
interface Process {
  name: string;
  ledger: Ledger;
  revision: number;
  alive: boolean;
  frozenUntil: number;
}

/** Kept outside the broker by every owner: what it saw acknowledged (P12). */
interface Guard { revision: number; ledger: Ledger }

export class Owners {
  readonly #world: World;
  #current: Process;
  /** Nobody owns it until then. */
  #vacantUntil = 0;
  #backlog: ExposureFact[] = [];
  #guard: Guard;
  #processes = 1;
  #writes = 0;
  #plannedAt = Infinity;
  readonly #polled = new Map<string, number>();
  readonly #reading = new Map<string, number>();
  /** Sends a stored write to its channel. */
  readonly #send: (write: Sent) => void;
  readonly #read: (cell: string) => void;

  constructor(world: World, send: (write: Sent) => void, read: (cell: string) => void) {
    this.#world = world;
    this.#send = send;
    this.#read = read;
    this.#guard = { revision: 0, ledger: world.store.ledger };
    this.#current = { name: 'node 1', ledger: world.store.ledger, revision: 0, alive: true, frozenUntil: 0 };
  }

  /** Somebody wants to see what every cell shows, again and again. */
  sweep(everyMs: () => number): void {
    const world = this.#world;
    world.in(everyMs(), () => this.sweep(everyMs));
    if (this.isUp) for (const cell in this.#current.ledger.cells) this.#perform(this.#current, { kind: 'read', cell });
  }

  get ledger(): Ledger {
    return this.#world.store.ledger;
  }

  get isUp(): boolean {
    return this.#world.now >= this.#vacantUntil;
  }

  isAlive({ alive, frozenUntil }: Process): boolean {
    return alive && frozenUntil <= this.#world.now;
  }

  /** A fact has come into the journal. */
  deliver(fact: ExposureFact): void {
    if (!this.isUp) {
      this.#backlog.push(fact);
      return;
    }
    const before = this.#current.ledger;
    this.#take(this.#current, fact);
    if (isNews(before, this.#current.ledger)) this.#planSoon(50);
  }

  /** The owner dies; another one comes, which has the record and the journal alone. */
  crash(what: string): void {
    if (!this.isUp) return;
    this.#current.alive = false;
    this.#world.tell(this.#current.name, () => `dies ${what}`);
    this.#succeed(this.#world.dice.whole(`takeover ${what}`, second, 12 * second));
  }

  /** The owner stands still; another one comes; then it wakes up and goes on as if nothing had been. */
  pause(what: string): void {
    if (!this.isUp) return;
    const world = this.#world;
    const zombie = this.#current;
    zombie.frozenUntil = world.now + world.dice.whole(`pause ${what}`, second, world.dice.whole(`long ${what}`, 0, 1) ? 120 * minute : 2 * minute);
    world.tell(zombie.name, () => `stands still ${what} for ${Math.round((zombie.frozenUntil - world.now) / second)} s`);
    world.at(zombie.frozenUntil, () => this.#plan(zombie));
    this.#succeed(5 * second);
  }

  #succeed(afterMs: number): void {
    const world = this.#world;
    this.#vacantUntil = world.now + afterMs;
    world.at(this.#vacantUntil, () => {
      const { store } = world;
      this.#current = { name: `node ${++this.#processes}`, ledger: store.ledger, revision: store.revision, alive: true, frozenUntil: 0 };
      world.tell(this.#current.name, () => `takes over at revision ${store.revision}`);
      if (store.revision < this.#guard.revision && !world.design.unguarded) this.#take(this.#current, this.#lost(store.ledger));
      this.#take(this.#current, { type: 'owner.new' });
      for (const fact of this.#backlog.splice(0)) this.#take(this.#current, fact);
      this.#planSoon(50);
    });
  }

  #lost(ledger: Ledger): ExposureFact {
    const allowed: Record<string, Allowed> = {};
    let until = 0;
    for (const [id, { rights, high }] of Object.entries(this.#guard.ledger.cells)) {
      // What was learnt to be sold, and is forgotten, will be learnt again.
      const forgotten = Math.max(0, soldUnits(this.#guard.ledger, id) - soldUnits(ledger, id));
      const { cap, sendMs, lifeMs } = this.#world.conditions.cells[id]!;
      allowed[id] = { rights: Math.max(rights, cap) + forgotten, high };
      until = Math.max(until, this.#world.now + sendMs + lifeMs);
    }
    return { type: 'ledger.lost', until, allowed };
  }

  /** Applies and stores. False where a newer owner has stored since: this process knows that it is none any more. */
  #take(process: Process, fact: ExposureFact): boolean {
    const world = this.#world;
    const { store, design } = world;
    const before = process.ledger;
    const { ledger, says, withheld } = apply(before, fact, world.now, design.rules);
    world.figures.facts += 1;
    if (withheld !== undefined) {
      world.figures.withheld += 1;
      return false;
    }
    if (store.revision !== process.revision && !design.unfenced) {
      process.alive = false;
      world.tell(process.name, () => 'may not store: another one owns the ledger by now');
      return false;
    }
    if (ledger === before) return true;
    store.past.push(store.ledger);
    if (store.past.length > 40) store.past.shift();
    store.ledger = process.ledger = ledger;
    process.revision = store.revision += 1;
    if (world.journal.length < 20_000) world.journal.push({ fact, at: world.now });
    this.#guard = { revision: store.revision, ledger };
    const words = world.story && inWords(fact);
    if (words) world.tell(process.name, () => `${words}; ${standing(ledger)}`);
    for (const said of says) {
      world.said.push({ ...said, at: world.now });
      world.tell(process.name, () => `says ${JSON.stringify(said)}`);
    }
    checkStep(world, before, ledger, fact, says);
    for (const said of says) {
      if (said.type === 'ship.permitted') this.onPermitted(said.line);
      if (said.type === 'ledger.lost') this.onLost();
    }
    return true;
  }

  onPermitted: (line: string) => void = () => {};
  /** Asked for the orders of a cell. */
  onPoll: (cell: string) => void = () => {};
  onLost: () => void = () => {};

  /** The newest writes of the record are gone. */
  loseTail(steps: number): void {
    const { store } = this.#world;
    const at = Math.max(0, store.past.length - steps);
    if (at === store.past.length) return;
    store.revision -= store.past.length - at;
    store.ledger = store.past[at]!;
    store.past.length = at;
    this.#world.toldVersion = store.ledger.count?.version ?? -1;
  }

  #planSoon(ms: number): void {
    const at = this.#world.now + ms;
    if (this.#plannedAt <= at) return;
    this.#plannedAt = at;
    this.#world.at(at, () => {
      if (this.#plannedAt !== at) return;
      this.#plannedAt = Infinity;
      if (this.isUp) this.#plan(this.#current);
    });
  }

  /** What is due by time, then what policy wants. */
  #plan(process: Process): void {
    const world = this.#world;
    if (!this.isAlive(process)) return;
    this.#take(process, { type: 'time.due' });
    const policy = process.ledger.mode === 'mirror' ? mirrored(0) : world.design.policy;
    for (const act of plan(process.ledger, policy, world.demand, world.now, world.design.rules)) if (process.alive) this.#perform(process, act);
    if (!process.alive || process !== this.#current) return;
    const due = dueAt(process.ledger, world.now);
    if (due !== undefined) this.#planSoon(due - world.now);
  }

  #perform(process: Process, act: Act): void {
    const world = this.#world;
    switch (act.kind) {
      case 'read': {
        const since = world.now - (this.#reading.get(act.cell) ?? -Infinity);
        if (since < 20 * second) {
          this.#planSoon(20 * second - since);
          return;
        }
        this.#reading.set(act.cell, world.now);
        this.#read(act.cell);
        return;
      }
      case 'repeat':
        if (this.#take(process, { type: 'write.repeated', cell: act.cell, id: act.id })) this.#dispatch(process, act.cell);
        return;
      case 'write': {
        if (world.design.pollFirst && world.now - (this.#polled.get(act.cell) ?? -Infinity) > 2 * second) {
          this.#polled.set(act.cell, world.now);
          this.onPoll(act.cell);
          this.#planSoon(second);
          return;
        }
        const id = `${act.cell}#${(this.#writes += 1)}`;
        if (!this.#take(process, { type: 'write.intended', cell: act.cell, id, ...act.write })) return;
        world.intents.add(id);
        this.#dispatch(process, act.cell);
      }
    }
  }

  /** From the stored intent to the socket: whatever happens in between, nothing leaves after `sendBy`. */
  #dispatch(process: Process, cell: string): void {
    const world = this.#world;
    const { intent } = process.ledger.cells[cell]!;
    if (!intent) return;
    const name = `${intent.id}.${intent.attempts}`;
    world.in(world.dice.whole(`dispatch ${name}`, 5, 100), () => {
      if (world.fault('crash', `before sending ${name}`)) this.crash(`before sending ${name}`);
      else if (world.fault('zombie', `before sending ${name}`)) this.pause(`before sending ${name}`);
      const go = () => {
        if (!process.alive) return;
        if (world.now >= intent.sendBy && !world.design.unfenced) {
          world.tell(process.name, () => `does not send ${name}: too late`);
          return;
        }
        world.figures.writes += 1;
        const { to, from, version } = intent;
        this.#send({
          cell, name, attempt: intent.attempts, sentAt: world.now,
          request: { id: intent.id, to, until: intent.until, ...(from !== undefined && { from }), ...(version !== undefined && { version }), ...(!world.design.unkeyed && { key: intent.id }) },
          answered: fact => { if (this.isAlive(process)) this.deliver(fact); },
        });
        world.tell(process.name, () => `sends ${name} to ${cell}: ${from === undefined ? '' : `${from} -> `}${to}`);
        if (world.design.readsEarly) for (const ms of [second, 3 * second, 30 * second]) world.in(ms, () => this.#read(cell));
        if (world.fault('crash', `after sending ${name}`)) this.crash(`after sending ${name}`);
        else this.#planSoon(world.conditions.cells[cell]!.answerMs + 1);
      };
      if (process.frozenUntil > world.now) world.at(process.frozenUntil, go);
      else go();
    });
  }
}

export interface Sent {
  cell: string;
  name: string;
  attempt: number;
  sentAt: number;
  request: { id: string; key?: string; to: number; from?: number; version?: string; until: number };
  answered(fact: ExposureFact): void;
}

function standing(ledger: Ledger): string {
  return `known ${known(ledger) ?? '?'}, free ${free(ledger) ?? '?'}, rights ${Object.entries(ledger.cells).map(([id, { rights }]) => `${id} ${rights}`).join(', ')}`;
}

/** There may be something to do about it. */
function isNews(before: Ledger, after: Ledger): boolean {
  if (before === after) return false;
  if (before.lines !== after.lines || before.count !== after.count || before.mode !== after.mode || before.recovery !== after.recovery) return true;
  for (const id in after.cells) {
    const [x, y] = [before.cells[id], after.cells[id]!];
    if (!x || x.rights !== y.rights || x.intent !== y.intent || x.mark !== y.mark || x.shown !== y.shown || y.leakSince !== undefined || y.mark?.waited) return true;
  }
  return false;
}

/** By order lines, and by the channel's own count before them. */
function soldUnits({ lines, cells }: Ledger, cell: string): number {
  return Object.values(lines).reduce((sum, line) => line.cell === cell ? sum + line.units : sum, cells[cell]?.counter ?? 0);
}

