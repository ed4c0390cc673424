/**
 * The variation ids of old-style items, as last seen. A write deletes every variation that it leaves out and there is
 * no version to guard it, so a list that is not fresh is no list: the caller is told to read again.
 */
export class Variations {
  readonly #seen = new Map<string, { ids: readonly string[]; at: number }>();
  readonly #maxAgeMs: number;
  readonly #now: () => number;

  constructor(maxAgeMs: number, now: () => number) {
    this.#maxAgeMs = maxAgeMs;
    this.#now = now;
  }

  /** `at` is when the question was sent, epoch ms: the list is as old as that. */
  saw(itemId: string, ids: readonly string[], at: number): void {
    for (const [id, seen] of this.#seen) {
      if (this.#fresh(seen.at)) break; // Oldest first: the rest is fresh too.
      this.#seen.delete(id);
    }
    this.#seen.delete(itemId);
    this.#seen.set(itemId, { ids, at });
  }

  /** All ids of the item, or undefined where they were not seen lately. */
  of(itemId: string): readonly string[] | undefined {
    const seen = this.#seen.get(itemId);
    return seen && this.#fresh(seen.at) ? seen.ids : undefined;
  }

  #fresh(at: number): boolean {
    return this.#now() - at <= this.#maxAgeMs;
  }
}
