/** A binary min-heap by time. */
export class Heap<T> {
  readonly #items: { at: number; value: T }[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** When the first is due, or undefined. */
  get nextAt(): number | undefined {
    return this.#items[0]?.at;
  }

  add(at: number, value: T): void {
    const item = { at, value };
    let i = this.#items.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.#items[parent]!.at <= at) break;
      this.#items[i] = this.#items[parent]!;
      i = parent;
    }
    this.#items[i] = item;
  }

  /** Takes the first one that is due at `now`. */
  take(now: number): { at: number; value: T } | undefined {
    const top = this.#items[0];
    if (!top || top.at > now) return undefined;
    const last = this.#items.pop()!;
    if (this.#items.length > 0) this.#sink(last);
    return top;
  }

  /** Lets go of whatever does not pass. */
  keep(passes: (value: T) => boolean): void {
    const items = this.#items.splice(0);
    for (const { at, value } of items) if (passes(value)) this.add(at, value);
  }

  clear(): void {
    this.#items.length = 0;
  }

  #sink(item: { at: number; value: T }): void {
    const items = this.#items;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]!.at < items[child]!.at) child += 1;
      if (items[child]!.at >= item.at) break;
      items[i] = items[child]!;
      i = child;
    }
    items[i] = item;
  }
}
