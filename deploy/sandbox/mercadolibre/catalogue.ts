/** The items and user products of the sandbox's seller: which vendor ids stand for which SKU, and how it is sold. */
import { createHash } from 'node:crypto';

/** How a SKU is sold; `mercadolibre.md` 2.1 A, C, B, D, F, G. */
export type Kind = 'item' | 'userProduct' | 'variation' | 'fullAndFlex' | 'warehouse' | 'full';

/** One quantity register of the shop by its vendor ids. */
export interface Register {
  sku: string;
  kind: Kind;
  itemId: string;
  userProductId?: string;
  variationId?: string;
}

/** Variations that share one old-style item. */
const variationsPerItem = 3;

export class Catalogue {
  readonly registers = new Map<string, Register>();
  /** Registers of an item: one, or one for each variation. In the order they were listed. */
  readonly items = new Map<string, Register[]>();
  readonly userProducts = new Map<string, Register>();
  readonly #site: string;
  readonly #kinds: readonly Kind[];
  readonly #twins: boolean;
  #growing: string | undefined;

  /**
   * @param kinds a SKU is sold in the way that its hash picks
   * @param twins whether each user product has two items (mercadolibre.md 7.8)
   */
  constructor(site: string, kinds: readonly Kind[], twins: boolean) {
    this.#site = site;
    this.#kinds = kinds;
    this.#twins = twins;
  }

  /** Lists a SKU; `n` makes its ids. */
  add(sku: string, n: number, kind: Kind = this.#kindOf(sku)): Register {
    const fresh = `${this.#site}${1_000_000_000 + n}`;
    const register: Register = { sku, kind, itemId: fresh };
    if (kind === 'variation') {
      const growing = this.#growing === undefined ? undefined : this.items.get(this.#growing);
      if (growing && growing.length < variationsPerItem) register.itemId = growing[0]!.itemId;
      else this.#growing = fresh;
      register.variationId = String(15_092_589_430 + n);
    } else if (kind !== 'item') {
      register.userProductId = `${this.#site}U${100_000_000 + n}`;
      this.userProducts.set(register.userProductId, register);
      if (this.#twins) this.items.set(`${this.#site}${2_000_000_000 + n}`, [register]);
    }
    this.registers.set(sku, register);
    this.items.set(register.itemId, [...(this.items.get(register.itemId) ?? []), register]);
    return register;
  }

  /** Takes a variation off its item. */
  remove(register: Register): void {
    this.items.set(register.itemId, this.items.get(register.itemId)!.filter(other => other !== register));
  }

  #kindOf(sku: string): Kind {
    const [byte = 0] = createHash('sha256').update(`mercadolibre:${sku}`).digest();
    return this.#kinds[byte % this.#kinds.length]!;
  }
}
