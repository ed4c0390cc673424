/** What will happen on a simulated machine, and to whom, in the order of time. */

export interface Process {
  readonly name: string;
  state: 'running' | 'paused' | 'dead';
  /** Its wall clock is ahead by so much. */
  skewMs: number;
  /** What came due while it was paused. */
  held: Due[];
  /** Timers in force. */
  timers: number;
}

/** Something that happens at a time; `order` tells those of one time apart. */
export interface Due { at: number; order: number; process: Process; run: () => void; isTimer: boolean; everyMs?: number; isOver: boolean }

/** A binary heap by time, then by order. */
export class Queue {
  readonly #items: Due[] = [];

  get nextAt(): number | undefined {
    return this.#items[0]?.at;
  }

  add(due: Due): void {
    const items = this.#items;
    let i = items.push(due) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(due, items[parent]!)) break;
      items[i] = items[parent]!;
      i = parent;
    }
    items[i] = due;
  }

  /** The first one that is due by then. */
  take(until: number): Due | undefined {
    const items = this.#items;
    const top = items[0];
    if (!top || top.at > until) return undefined;
    const last = items.pop()!;
    if (items.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && isBefore(items[child + 1]!, items[child]!)) child += 1;
      if (!isBefore(items[child]!, last)) break;
      items[i] = items[child]!;
      i = child;
    }
    items[i] = last;
    return top;
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
