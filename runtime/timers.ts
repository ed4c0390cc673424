/** One timer for all due times of a node: a heap and a single `setTimeout`. What is due is data in records. */
import { Heap } from '../actors/heap.ts';

export class Timers<T> {
  readonly #heap = new Heap<T>();
  readonly #fire: (value: T, at: number) => void;
  readonly #now: () => number;
  #timeout: NodeJS.Timeout | undefined;
  #armedFor = Infinity;

  /** @param now the clock that due times are in, epoch ms */
  constructor(fire: (value: T, at: number) => void, now: () => number = Date.now) {
    this.#fire = fire;
    this.#now = now;
  }

  get size(): number {
    return this.#heap.size;
  }

  /** @param at epoch ms; a time in the past fires on the next turn of the event loop */
  add(at: number, value: T): void {
    this.#heap.add(at, value);
    if (at < this.#armedFor) this.#arm();
  }

  close(): void {
    clearTimeout(this.#timeout);
    this.#heap.clear();
  }

  #arm(): void {
    clearTimeout(this.#timeout);
    const at = this.#heap.nextAt;
    this.#armedFor = at ?? Infinity;
    if (at === undefined) return;
    this.#timeout = setTimeout(() => this.#run(), Math.min(Math.max(0, at - this.#now()), 2 ** 31 - 1));
  }

  #run(): void {
    const now = this.#now();
    for (let due = this.#heap.take(now); due; due = this.#heap.take(now)) this.#fire(due.value, due.at);
    this.#arm();
  }
}
