/**
 * What a listener could have known by when: a perfect receiver of the ERP's messages. The referee measures Plumb
 * against this, not against what the ERP knew and had not said.
 */
import type { Publication } from './erp-mischief.ts';

/** From `at` (epoch ms) on, the SKU's supply was known to be `supply`: opening stock and adjustments, no sale subtracted. */
export interface SupplyStep {
  at: number;
  supply: number;
}

interface Heard {
  version: number;
  /** Adjustments that came before their turn, by version. */
  early: Map<number, number>;
  timeline: SupplyStep[];
}

export interface ToldFigures {
  /** Messages published, repeats included. */
  published: number;
  /** Different ids among them. */
  ids: number;
}

export class Told {
  readonly #skus = new Map<string, Heard>();
  readonly #ids = new Set<string>();
  #published = 0;

  /** A message was stored by the broker at `at`, epoch ms. A count stands alone; an adjustment waits for its turn. */
  hear({ message, supply }: Publication, at: number): void {
    this.#published += 1;
    this.#ids.add(message.id);
    const heard: Heard = this.#skus.get(message.sku) ?? { version: 0, early: new Map(), timeline: [] };
    this.#skus.set(message.sku, heard);
    if (message.version <= heard.version) return;
    if (message.type === 'adjust') {
      heard.early.set(message.version, supply);
      if (message.version !== heard.version + 1) return;
    }
    let [version, known] = [message.version, supply];
    for (let next = heard.early.get(version + 1); next !== undefined; next = heard.early.get(version + 1)) [version, known] = [version + 1, next];
    heard.version = version;
    for (const early of heard.early.keys()) if (early <= version) heard.early.delete(early);
    if (heard.timeline.at(-1)?.supply !== known) heard.timeline.push({ at, supply: known });
  }

  /** In order of time; empty for a SKU of which nothing was told. */
  timeline(sku: string): SupplyStep[] {
    return this.#skus.get(sku)?.timeline ?? [];
  }

  /** The newest version that could be applied. */
  version(sku: string): number {
    return this.#skus.get(sku)?.version ?? 0;
  }

  get figures(): ToldFigures {
    return { published: this.#published, ids: this.#ids.size };
  }
}
