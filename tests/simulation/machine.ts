/**
 * One machine that several processes seem to run on: simulated time, chance and timers in place of the real ones. Code
 * under test calls `setTimeout`, `Date.now` and `Math.random` as always; each call is the process's that makes it, so a
 * process can be paused, or killed with all its timers. One callback runs at a time, and all that follows from it in
 * promises before the next one: the same seed gives the same run.
 */
import { createRequire } from 'node:module';
import { nuid } from 'nats';
import { Dice } from '../../deploy/demo/dice.ts';
import { Queue } from './queue.ts';
import type { Due, Process } from './queue.ts';

export type { Process } from './queue.ts';

/** Wall clock at the beginning, epoch ms. */
const beginning = Date.UTC(2026, 0, 5);
/** Callbacks in one turn of the real event loop. */
const together = 128;
/** As Node has it: a longer timer is one of 1 ms. */
const longestMs = 2 ** 31 - 1;

/** Why a signal ended whose time was over: most come too late for anybody to ask. */
const timedOut = new DOMException('The operation was aborted due to timeout', 'TimeoutError');

const { resolve } = createRequire(import.meta.url);
/** Makers of ids; the services package has one of its own. They are begun anew with each machine. */
const makers = [nuid, (createRequire(resolve('@nats-io/services'))('@nats-io/nuid') as { nuid: typeof nuid }).nuid];

const real = { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate, dateNow: Date.now, performanceNow: performance.now, random: Math.random, abortTimeout: AbortSignal.timeout, rss: process.memoryUsage.rss, traceLimit: Error.stackTraceLimit };

export class Machine {
  /** The world outside of all processes: the broker, marketplaces, buyers. */
  readonly outside: Process = { name: 'world', state: 'running', skewMs: 0, held: [], timers: 0 };
  now = 0;
  /** Told of what a process did not catch. */
  onUncaught: (process: Process, error: unknown) => void = (_process, error) => { throw error; };
  /** Callbacks run so far. */
  steps = 0;
  readonly #queue = new Queue();
  readonly #dice: Dice;
  #order = 0;
  #current: Process = this.outside;

  constructor(seed: number) {
    this.#dice = new Dice(seed, 'machine');
  }

  /** Epoch ms, by a clock that is right. */
  get wall(): number {
    return beginning + Math.floor(this.now);
  }

  get current(): Process {
    return this.#current;
  }

  start(name: string): Process {
    return { name, state: 'running', skewMs: 0, held: [], timers: 0 };
  }

  pause(process: Process): void {
    if (process.state === 'running') process.state = 'paused';
  }

  /** What came due meanwhile happens now, in its order. */
  wake(process: Process): void {
    if (process.state !== 'paused') return;
    process.state = 'running';
    for (const due of process.held.splice(0)) this.#again(due, this.now);
  }

  kill(process: Process): void {
    process.state = 'dead';
    process.held = [];
  }

  /** Runs `act` as that process, after so long. */
  after(delayMs: number, process: Process, act: () => void): void {
    this.#add({ at: this.now + Math.max(0, delayMs), process, run: act, isTimer: false });
  }

  /** Runs now what belongs to a process; what it asks for later is its own. */
  as<T>(process: Process, act: () => T): T {
    const before = this.#current;
    this.#current = process;
    try {
      return act();
    } finally {
      this.#current = before;
    }
  }

  /** Resolves at that time, or when nothing is left to happen, or when `isOver`. Rejects when a callback throws. */
  run(until: number, isOver: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      let done = false;
      let left = 0;
      const turn = (): void => {
        left -= 1;
        if (!done) done = this.#step(until, isOver, reject);
        if (left > 0) return;
        if (done) {
          this.#current = this.outside;
          resolve();
        } else {
          begin();
        }
      };
      const begin = (): void => {
        left = together;
        for (let n = 0; n < together; n++) real.setImmediate(turn);
      };
      begin();
    });
  }

  /** @returns whether the run is over */
  #step(until: number, isOver: () => boolean, reject: (error: unknown) => void): boolean {
    try {
      if (isOver()) return true;
      const due = this.#queue.take(until);
      if (!due) {
        this.now = Math.max(this.now, Math.min(until, this.#queue.nextAt ?? until));
        return true;
      }
      if (due.isOver || due.process.state === 'dead') return false;
      this.now = Math.max(this.now, due.at);
      if (due.process.state === 'paused') {
        due.process.held.push(due);
        return false;
      }
      this.steps += 1;
      this.#current = due.process;
      if (due.everyMs !== undefined) this.#again(due, this.now + due.everyMs);
      else if (due.isTimer) this.#end(due);
      this.#act(due);
      return false;
    } catch (error) {
      reject(error);
      return true;
    }
  }

  /** What nobody catches ends the process that it happens in. */
  #act({ run, process }: Due): void {
    if (process === this.outside) return run();
    try {
      run();
    } catch (error) {
      this.onUncaught(process, error);
    }
  }

  /** It stays the same for who holds its handle. */
  #again(due: Due, at: number): void {
    due.at = at;
    due.order = this.#order++;
    this.#queue.add(due);
  }

  #add(due: Omit<Due, 'order' | 'isOver'>): Due {
    const added: Due = { ...due, order: this.#order++, isOver: false };
    if (due.process.state !== 'dead') this.#queue.add(added);
    return added;
  }

  #end(due: Due | undefined): void {
    if (!due || due.isOver || !due.isTimer) return;
    due.isOver = true;
    due.process.timers -= 1;
  }

  #timer(run: () => void, ms: number, isRepeated: boolean): Handle {
    const delay = !(ms >= 1) || ms > longestMs ? 1 : ms;
    this.#current.timers += 1;
    return new Handle(this.#add({ at: this.now + delay, process: this.#current, run, isTimer: true, ...(isRepeated && { everyMs: delay }) }));
  }

  /**
   * Puts simulated time and chance in place of the real ones. @returns puts the real ones back
   *
   * @param traces errors know where they were made: an eighth of all time, since the client makes one for each request
   */
  install({ traces = false } = {}): () => void {
    const clear = (handle: unknown): void => { if (handle instanceof Handle) this.#end(handle.due); };
    const bytes = <T extends ArrayBufferView>(into: T): T => {
      const view = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
      for (let n = 0; n < view.length; n++) view[n] = this.#dice.between(0, 255);
      return into;
    };
    Object.assign(globalThis, {
      setTimeout: (run: (...given: unknown[]) => void, ms = 0, ...given: unknown[]) => this.#timer(() => run(...given), ms, false),
      setInterval: (run: (...given: unknown[]) => void, ms = 0, ...given: unknown[]) => this.#timer(() => run(...given), ms, true),
      setImmediate: (run: (...given: unknown[]) => void, ...given: unknown[]) => new Handle(this.#add({ at: this.now, process: this.#current, run: () => run(...given), isTimer: false })),
      clearTimeout: clear, clearInterval: clear,
      clearImmediate: (handle: unknown) => { if (handle instanceof Handle) handle.due.isOver = true; },
    });
    Date.now = () => this.wall + this.#current.skewMs;
    performance.now = () => this.now;
    Math.random = () => this.#dice.next();
    AbortSignal.timeout = ms => {
      const controller = new AbortController();
      // Held back by nobody: not a timer that could leak.
      this.#add({ at: this.now + ms, process: this.#current, run: () => controller.abort(timedOut), isTimer: false });
      return controller.signal;
    };
    Object.assign(crypto, { getRandomValues: bytes, randomUUID: () => Buffer.from(bytes(new Uint8Array(16))).toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') });
    // Asks the kernel, and is another in each run.
    process.memoryUsage.rss = () => 0;
    if (!traces) Error.stackTraceLimit = 0;
    for (const maker of makers) maker.reset();
    return () => {
      const { dateNow, performanceNow, random, abortTimeout, rss, traceLimit, ...timers } = real;
      Object.assign(globalThis, timers);
      Date.now = dateNow;
      performance.now = performanceNow;
      Math.random = random;
      AbortSignal.timeout = abortTimeout;
      process.memoryUsage.rss = rss;
      Error.stackTraceLimit = traceLimit;
      for (const name of ['getRandomValues', 'randomUUID'] as const) delete (crypto as unknown as Record<string, unknown>)[name];
      for (const maker of makers) maker.reset();
    };
  }
}

/** What the timer functions give back. */
class Handle {
  readonly due: Due;

  constructor(due: Due) {
    this.due = due;
  }

  ref(): this { return this; }
  unref(): this { return this; }
  hasRef(): boolean { return true; }
}
