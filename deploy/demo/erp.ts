/**
 * The shop's ERP, simulated. It holds the book of stock, learns of order lines late, and tells Plumb by counts and
 * adjustments, some of them twice, late, out of order or long out of date. Decides only: time comes in as an argument,
 * messages come out; `erp-wire.ts` publishes them.
 *
 * The book never goes below 0. A line that it cannot cover waits as a backorder, and a correction takes at most what
 * is left. Cancellations are booked once a line is cancelled whole: a part has no id that says how much.
 */
import { Dice } from './dice.ts';
import type { ErpCommon, ErpMessage } from './erp-message.ts';
import { ErpMischief } from './erp-mischief.ts';
import type { MischiefDoses, MischiefFigures, Publication } from './erp-mischief.ts';

export interface ErpOptions {
  seed: number;
  /** An order is imported so long after it was placed, drawn evenly, ms. Default 2 to 10 s. */
  importAfterMs?: { least: number; most: number };
  doses?: Partial<MischiefDoses>;
}

interface Line {
  id: string;
  units: number;
  cancelled: number;
  imported: boolean;
  /** Epoch ms, of the import or, once imported and cancelled, of the cancellation's. */
  dueAt: number;
}

interface Item {
  sku: string;
  /** Opening stock plus adjustments: the truth before sales. */
  supply: number;
  /** What a count says: `supply` less what was imported. */
  book: number;
  version: number;
  /** Lines with something to import, in the order they were sold. */
  waiting: Set<Line>;
  /** What counts of the last minute brought in, oldest first. */
  recent: { at: number; imported: string[] }[];
}

export interface ErpFigures {
  counts: number;
  adjusts: number;
  linesImported: number;
  cancellationsImported: number;
  /** Units of corrections that the book could not give. */
  clampedUnits: number;
}

const usualDelay = { least: 2_000, most: 10_000 };

/** A count lists imports of this long again, as one that overtakes another must be right without it, ms. */
const repeatedForMs = 60_000;

export class Erp {
  readonly figures: ErpFigures = { counts: 0, adjusts: 0, linesImported: 0, cancellationsImported: 0, clampedUnits: 0 };
  readonly #dice: Dice;
  readonly #delay: { least: number; most: number };
  readonly #mischief: ErpMischief;
  readonly #items = new Map<string, Item>();
  readonly #lines = new Map<string, { line: Line; item: Item }>();
  /** Those with a waiting line. */
  readonly #busy = new Set<Item>();
  #nextId = 1;
  #closing = false;

  constructor({ seed, importAfterMs = usualDelay, doses = {} }: ErpOptions) {
    this.#dice = new Dice(seed, 'erp/imports');
    this.#delay = importAfterMs;
    this.#mischief = new ErpMischief(seed, doses, () => this.#id());
  }

  /** The first count of every SKU, version 1; none of them late. */
  open(stock: ReadonlyMap<string, number>, now: number): void {
    for (const [sku, quantity] of stock) {
      const item: Item = { sku, supply: quantity, book: quantity, version: 0, waiting: new Set(), recent: [] };
      this.#items.set(sku, item);
      this.#count(item, [], now, true);
    }
  }

  /** An order was placed; its lines will be imported later, together. A line's `id` is `<account>/<order>/<line>`. */
  sold(order: readonly { id: string; sku: string; units: number }[], now: number): void {
    const dueAt = now + this.#delayMs();
    for (const { id, sku, units } of order) {
      const item = this.#item(sku);
      const line: Line = { id, units, cancelled: 0, imported: false, dueAt };
      this.#lines.set(id, { line, item });
      this.#wait(item, line);
    }
  }

  /** `units` more of a line were cancelled. */
  cancelled(id: string, units: number, now: number): void {
    const known = this.#lines.get(id);
    if (!known) throw new Error(`ERP: cancellation of a line never sold: ${id}`);
    known.line.cancelled += units;
    if (!known.line.imported || known.line.cancelled < known.line.units) return;
    known.line.dueAt = now + this.#delayMs();
    this.#wait(known.item, known.line);
  }

  /** Stock changed for a reason of the warehouse's own. What the book does not hold cannot be taken. */
  adjust(sku: string, delta: number, reason: string, now: number): void {
    const item = this.#item(sku);
    const real = Math.max(delta, -item.book);
    this.figures.clampedUnits += real - delta;
    if (real === 0) return;
    item.supply += real;
    item.book += real;
    this.figures.adjusts += 1;
    this.#say(item, { ...this.#common(item, now), type: 'adjust', delta: real, reason }, now, this.#closing);
  }

  /** Every SKU counted at once, as in a full file; `wrong`: the file says that nothing is left of anything. */
  recount(now: number, wrong: boolean): void {
    for (const item of this.#items.values()) this.#count(item, [], now, true, wrong ? 0 : item.book);
  }

  /** Everything to publish now, in this order. */
  due(now: number): Publication[] {
    for (const item of this.#busy) this.#import(item, now);
    return this.#mischief.due(now, this.#closing);
  }

  /** From now on nothing is late: what waits to be imported or was held back comes with the next `due`. */
  close(): void {
    this.#closing = true;
  }

  /** True when nothing is left to say. Backorders stay: their count would be wrong. */
  get idle(): boolean {
    return this.#mischief.held === 0 && ![...this.#busy].some(item => [...item.waiting].some(line => isReady(item, line)));
  }

  /** The ERP's own view of every SKU. */
  *truths(): Generator<{ sku: string; supply: number; book: number; version: number; backorders: number }> {
    for (const { sku, supply, book, version, waiting } of this.#items.values()) {
      yield { sku, supply, book, version, backorders: [...waiting].filter(line => !line.imported).length };
    }
  }

  get mischief(): MischiefFigures {
    return this.#mischief.figures;
  }

  #import(item: Item, now: number): void {
    const imported: string[] = [];
    const ready = [...item.waiting].filter(line => this.#closing || line.dueAt <= now);
    // Cancellations first: what they give back may cover a backorder.
    for (const line of ready.filter(line => line.imported)) {
      item.book += line.units;
      item.waiting.delete(line);
      imported.push(`${line.id}#cancelled`);
      this.figures.cancellationsImported += 1;
    }
    for (const line of ready.filter(line => !line.imported)) {
      if (line.cancelled === line.units) item.waiting.delete(line); // Never reached the book; no need to.
      else if (isReady(item, line)) {
        item.book -= line.units;
        line.imported = true;
        item.waiting.delete(line);
        imported.push(line.id);
        this.figures.linesImported += 1;
      }
    }
    if (item.waiting.size === 0) this.#busy.delete(item);
    if (imported.length > 0) this.#count(item, imported, now);
  }

  #count(item: Item, imported: string[], now: number, prompt = this.#closing, quantity = item.book): void {
    this.figures.counts += 1;
    item.recent = [...item.recent.filter(({ at }) => at > now - repeatedForMs), { at: now, imported }];
    const listed = item.recent.flatMap(count => count.imported);
    this.#say(item, { ...this.#common(item, now), type: 'count', quantity, imported: listed }, now, prompt);
  }

  #say(item: Item, message: ErpMessage, now: number, prompt: boolean): void {
    this.#mischief.say({ message, supply: item.supply, as: 'first' }, now, prompt);
  }

  #common(item: Item, now: number): ErpCommon {
    item.version += 1;
    return { id: this.#id(), sku: item.sku, version: item.version, at: new Date(now).toISOString() };
  }

  #wait(item: Item, line: Line): void {
    item.waiting.add(line);
    this.#busy.add(item);
  }

  #item(sku: string): Item {
    const item = this.#items.get(sku);
    if (!item) throw new Error(`ERP: no SKU ${JSON.stringify(sku)} in the opening stock`);
    return item;
  }

  #id(): string {
    return `erp-${this.#nextId++}`;
  }

  #delayMs(): number {
    return this.#dice.between(this.#delay.least, this.#delay.most);
  }
}

function isReady(item: Item, line: Line): boolean {
  return line.imported || line.cancelled === line.units || item.book >= line.units;
}
