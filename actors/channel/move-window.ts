/** Moves of one kind within a window, with their sums, over all and by source. Pure; times are arguments (epoch ms). */

export interface Moved { at: number; source: string; units: number; value: number }

export interface Sums { listings: number; units: number; value: number }

const nothing: Sums = { listings: 0, units: 0, value: 0 };

export class MoveWindow {
  /** When and by how much each SKU last moved so, the longest ago first. */
  readonly #moved = new Map<string, Moved>();
  #all = nothing;
  readonly #bySource = new Map<string, Sums>();

  add(sku: string, moved: Moved): void {
    this.#remove(sku);
    this.#moved.set(sku, moved);
    this.#count(moved, 1);
  }

  /** Lets go of what is older. */
  expire(before: number): void {
    for (const [sku, { at }] of this.#moved) {
      if (at > before) break;
      this.#remove(sku);
    }
  }

  sums(source?: string): Sums {
    return source === undefined ? this.#all : this.#bySource.get(source) ?? nothing;
  }

  /** SKUs, of one source or of all. */
  *skus(source?: string): Generator<string> {
    for (const [sku, moved] of this.#moved) if (source === undefined || moved.source === source) yield sku;
  }

  clear(): void {
    this.#moved.clear();
    this.#bySource.clear();
    this.#all = nothing;
  }

  #remove(sku: string): void {
    const known = this.#moved.get(sku);
    if (!known) return;
    this.#moved.delete(sku);
    this.#count(known, -1);
  }

  #count({ source, units, value }: Moved, sign: 1 | -1): void {
    const add = (sums: Sums): Sums => ({ listings: sums.listings + sign, units: sums.units + sign * units, value: sums.value + sign * value });
    this.#all = add(this.#all);
    const own = add(this.#bySource.get(source) ?? nothing);
    if (own.listings === 0) this.#bySource.delete(source);
    else this.#bySource.set(source, own);
  }
}
