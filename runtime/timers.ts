/** One timer for all due times of a node: a binary heap and a single `setTimeout`. What is due is data in records. */

export interface Due<T> { at: number; value: T }

export class Timers<T> {
  readonly #heap: Due<T>[] = [];
  readonly #fire: (value: T, at: number) => void;
  readonly #now: () => number;
  #timeout: NodeJS.Timeout | undefined;

  constructor(fire: (value: T, at: number) => void, now: () => number = Date.now) {
    this.#fire = fire;
    this.#now = now;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** @param at epoch ms; a time in the past fires on the next turn of the event loop */
  add(at: number, value: T): void {
    push(this.#heap, { at, value });
    if (this.#heap[0]?.value === value) this.#arm();
  }

  close(): void {
    clearTimeout(this.#timeout);
    this.#heap.length = 0;
  }

  #arm(): void {
    clearTimeout(this.#timeout);
    const next = this.#heap[0];
    if (!next) return;
    this.#timeout = setTimeout(() => this.#run(), Math.min(Math.max(0, next.at - this.#now()), 2 ** 31 - 1));
  }

  #run(): void {
    const now = this.#now();
    for (let next = this.#heap[0]; next && next.at <= now; next = this.#heap[0]) {
      pop(this.#heap);
      this.#fire(next.value, next.at);
    }
    this.#arm();
  }
}

function push<T>(heap: Due<T>[], item: Due<T>): void {
  let i = heap.push(item) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (heap[parent]!.at <= item.at) break;
    heap[i] = heap[parent]!;
    i = parent;
  }
  heap[i] = item;
}

function pop<T>(heap: Due<T>[]): Due<T> | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (heap.length === 0 || last === undefined) return top;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child += 1;
    if (heap[child]!.at >= last.at) break;
    heap[i] = heap[child]!;
    i = child;
  }
  heap[i] = last;
  return top;
}
