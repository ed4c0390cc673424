/**
 * A `Map` for entries that come and go by the thousand, in its order; an iteration under way may go on over what there was.
 *
 * V8 gives a `Map` that grows or shrinks a new table and lets the former one refer to it. As soon as one of them has
 * become old, those behind it live as long as it does, each with the values that it held: a map of three entries at a
 * time keeps all that ever was in it until the next full collection (docs/decisions/0033). So this one is begun anew,
 * with what is in it, before a table gets old.
 */
export class ChurnMap<K, V> {
  #map = new Map<K, V>();
  #deleted = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  set(key: K, value: V): void {
    this.#map.set(key, value);
  }

  delete(key: K): boolean {
    if (!this.#map.delete(key)) return false;
    this.#deleted += 1;
    if (this.#deleted > Math.max(deletedLeast, this.#map.size)) {
      this.#map = new Map(this.#map);
      this.#deleted = 0;
    }
    return true;
  }

  clear(): void {
    this.#map = new Map();
    this.#deleted = 0;
  }

  keys(): MapIterator<K> {
    return this.#map.keys();
  }

  values(): MapIterator<V> {
    return this.#map.values();
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.#map.entries();
  }
}

/** Fewer are not worth a new map. */
const deletedLeast = 64;
