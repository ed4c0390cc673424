/** What goes wrong between an ERP and whoever listens: repeats, late and swapped messages, an old count again. */
import { Dice } from './dice.ts';
import type { ErpMessage } from './erp-message.ts';

/** Shares of all messages, 0..1. */
export interface MischiefDoses {
  /** Sent again within a second, under the same id. */
  duplicate: number;
  /** Sent after the next message of the same SKU, or 1.5 s later if there is none. */
  swapped: number;
  /** Held back for 2 to 6 s. */
  late: number;
  /** Followed by an earlier count of the same SKU, under an id of its own and with its old version. */
  replayed: number;
}

/** One message on its way. `supply` is not sent: the SKU's true supply as of this version, for the referee. */
export interface Publication {
  message: ErpMessage;
  supply: number;
  as: 'first' | 'duplicate' | 'replay';
}

export interface MischiefFigures {
  duplicates: number;
  swapped: number;
  late: number;
  replayed: number;
}

interface Held extends Publication {
  /** Epoch ms. */
  at: number;
  /** Leaves earlier, right after the next message of its SKU. */
  swaps: boolean;
}

const usual: MischiefDoses = { duplicate: 0.05, swapped: 0.04, late: 0.01, replayed: 0.01 };

/** Old counts kept per SKU, to be replayed. */
const memory = 8;

export class ErpMischief {
  readonly figures: MischiefFigures = { duplicates: 0, swapped: 0, late: 0, replayed: 0 };
  readonly #dice: Dice;
  readonly #doses: MischiefDoses;
  readonly #newId: () => string;
  readonly #out: Publication[] = [];
  #held: Held[] = [];
  readonly #oldCounts = new Map<string, Publication[]>();

  constructor(seed: number, doses: Partial<MischiefDoses>, newId: () => string) {
    this.#dice = new Dice(seed, 'erp/mischief');
    this.#doses = { ...usual, ...doses };
    this.#newId = newId;
  }

  /** Messages not yet due. */
  get held(): number {
    return this.#held.length + this.#out.length;
  }

  /** @param prompt true when nothing may be held back any more */
  say(publication: Publication, now: number, prompt: boolean): void {
    const { sku } = publication.message;
    const roll = this.#dice.next();
    const waitMs = this.#dice.between(2_000, 6_000);
    if (prompt) this.#leave(publication);
    else if (roll < this.#doses.late) {
      this.figures.late += 1;
      this.#held.push({ ...publication, at: now + waitMs, swaps: false });
    } else if (roll < this.#doses.late + this.#doses.swapped) {
      this.figures.swapped += 1;
      this.#held.push({ ...publication, at: now + 1_500, swaps: true });
    } else this.#leave(publication);
    if (this.#dice.chance(this.#doses.duplicate)) {
      this.figures.duplicates += 1;
      this.#held.push({ ...publication, as: 'duplicate', at: now + this.#dice.between(0, 1_000), swaps: false });
    }
    const old = this.#oldCounts.get(sku) ?? [];
    const again = old[this.#dice.between(0, Math.max(0, old.length - 1))];
    if (this.#dice.chance(this.#doses.replayed) && again) {
      this.figures.replayed += 1;
      this.#out.push({ ...again, message: { ...again.message, id: this.#newId() }, as: 'replay' });
    }
    if (publication.message.type === 'count') this.#oldCounts.set(sku, [...old.slice(1 - memory), publication]);
  }

  /** @param all true to let everything go that is held back, the oldest first */
  due(now: number, all: boolean): Publication[] {
    const leaving = this.#held.filter(held => all || held.at <= now).sort((a, b) => a.at - b.at);
    this.#held = this.#held.filter(held => !(all || held.at <= now));
    return [...this.#out.splice(0), ...leaving.map(({ message, supply, as }) => ({ message, supply, as }))];
  }

  /** Goes out now, and behind it whatever was to be swapped with it. */
  #leave(publication: Publication): void {
    const { sku } = publication.message;
    this.#out.push(publication);
    const overtaken = this.#held.filter(held => held.swaps && held.message.sku === sku);
    if (overtaken.length === 0) return;
    this.#held = this.#held.filter(held => !overtaken.includes(held));
    this.#out.push(...overtaken.map(({ message, supply, as }) => ({ message, supply, as })));
  }
}
