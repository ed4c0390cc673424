/** A full count against what is held to be true: what it would change, before any of it is applied. Pure. */
import { passed } from '../../channel/governor.ts';
import type { Move, MoveLimit } from '../../channel/governor.ts';

/** One number that a snapshot states, or leaves out. */
export interface Change { sku: string; location: string; from: number; to: number }

export interface Part {
  numbers: number;
  units: number;
  value: number;
  /** The largest ones. */
  examples: Change[];
}

export interface SnapshotDiff {
  /** Numbers that the source had stated before, and that the snapshot states. */
  known: number;
  stated: number;
  same: number;
  zeroed: Part;
  lowered: Part;
  raised: Part;
  /** Stated for the first time. */
  fresh: number;
  /** Held to be more than none, and not in the snapshot. They stay as they are: missing is never zero. */
  missing: Part;
}

const examplesMost = 10;

export class Snapshot {
  readonly #truth: ReadonlyMap<string, number>;
  readonly #stated = new Set<string>();
  readonly #zeroed = new Parts();
  readonly #lowered = new Parts();
  readonly #raised = new Parts();
  #same = 0;
  #fresh = 0;

  /** @param truth numbers of the source by `placeOf` */
  constructor(truth: ReadonlyMap<string, number>) {
    this.#truth = truth;
  }

  /** The first statement of a number counts. */
  take(sku: string, location: string, quantity: number, price = 0): void {
    const place = placeOf(sku, location);
    if (this.#stated.has(place)) return;
    this.#stated.add(place);
    const from = this.#truth.get(place);
    if (from === undefined) { this.#fresh += 1; return; }
    if (from === quantity) { this.#same += 1; return; }
    const parts = quantity > from ? this.#raised : quantity <= 0 && from > 0 ? this.#zeroed : this.#lowered;
    parts.add({ sku, location, from, to: quantity }, price);
  }

  diff(): SnapshotDiff {
    const missing = new Parts();
    for (const [place, from] of this.#truth) {
      if (from <= 0 || this.#stated.has(place)) continue;
      const [sku, location] = JSON.parse(place) as [string, string];
      missing.add({ sku, location, from, to: from }, 0, from);
    }
    for (const parts of [missing, this.#zeroed, this.#lowered, this.#raised]) parts.keepLargest();
    return {
      known: this.#truth.size, stated: this.#stated.size, same: this.#same, fresh: this.#fresh,
      zeroed: this.#zeroed.part, lowered: this.#lowered.part, raised: this.#raised.part, missing: missing.part,
    };
  }
}

export const placeOf = (sku: string, location: string): string => JSON.stringify([sku, location]);

/** Why a person has to look first: what goes to zero, or rises, past its limit. */
export function tooMuch({ known, zeroed, raised }: SnapshotDiff, limits: Record<Move, MoveLimit>): string[] {
  const over = (part: Part, move: Move, what: string): string[] => {
    const limit = passed(limits[move], { listings: part.numbers, units: part.units, value: part.value }, known);
    return limit === undefined ? [] : [`${part.numbers} of ${known} numbers would ${what}, more than ${limit}`];
  };
  return [...over(zeroed, 'zero', 'go to zero'), ...over(raised, 'raise', 'rise')];
}

class Parts {
  readonly part: Part = { numbers: 0, units: 0, value: 0, examples: [] };

  add(change: Change, price: number, units = Math.abs(change.to - change.from)): void {
    const { part } = this;
    part.numbers += 1;
    part.units += units;
    part.value += units * price;
    part.examples.push(change);
    if (part.examples.length < 2 * examplesMost) return;
    this.keepLargest();
  }

  keepLargest(): void {
    this.part.examples.sort((a, b) => sizeOf(b) - sizeOf(a)).splice(examplesMost);
  }
}

function sizeOf({ from, to }: Change): number {
  return from === to ? from : Math.abs(to - from);
}
