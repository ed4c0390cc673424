/** An ERP that counts, adjusts, imports orders, and says all that twice, late, in the wrong order or not at all. */
import { Told } from '../../deploy/demo/told.ts';
import type { Broker } from './broker/server.ts';
import type { Machine } from './machine.ts';
import type { Marketplace } from './marketplace.ts';

interface Book {
  sku: string;
  /** What exists, no sale subtracted. */
  supply: number;
  version: number;
  /** Order lines that its numbers contain, and `…#cancelled`. */
  imported: Set<string>;
}

interface Message { id: string; sku: string; version: number; type: 'count' | 'adjust'; quantity?: number; delta?: number; imported?: string[] }
/** `supply`: what existed when it was said. */
interface Saying { message: Message; supply: number }

/** What becomes of a message on its way. `hold`: it comes after the next one of its SKU. */
export type Fate = 'told' | 'twice' | 'hold' | 'lost';

const askedAgainMs = 2_000;
const askedToShipAgainMs = 10_000;

export class Erp {
  readonly #machine: Machine;
  readonly #broker: Broker;
  readonly #marketplaces: readonly Marketplace[];
  readonly #books = new Map<string, Book>();
  /** Messages that wait for a later one, by SKU. */
  readonly #held = new Map<string, Saying>();
  readonly #said: Saying[] = [];
  readonly #asked = new Set<string>();
  #serial = 0;
  /** What a perfect listener could have known by when. */
  readonly told = new Told();
  /** Ids that the broker has. */
  readonly acknowledged = new Map<string, number>();

  constructor(machine: Machine, broker: Broker, marketplaces: readonly Marketplace[]) {
    this.#machine = machine;
    this.#broker = broker;
    this.#marketplaces = marketplaces;
  }

  /** What exists, as the referee wants it. */
  get supply(): { sku: string; supply: number; version: number; timeline: ReturnType<Told['timeline']> }[] {
    return [...this.#books.values()].map(({ sku, supply, version }) => ({ sku, supply, version, timeline: this.told.timeline(sku) }));
  }

  open(sku: string, supply: number): void {
    this.#books.set(sku, { sku, supply, version: 0, imported: new Set() });
    this.count(sku, 0, 'told');
  }

  /** Counts what is there; `by` units have come or gone unnoticed. */
  count(sku: string, by: number, fate: Fate): void {
    const book = this.#books.get(sku)!;
    book.supply += by;
    this.#say(book, { type: 'count', quantity: book.supply - this.#sold(book), imported: [...book.imported] }, fate);
  }

  adjust(sku: string, delta: number, fate: Fate): void {
    const book = this.#books.get(sku)!;
    book.supply += delta;
    this.#say(book, { type: 'adjust', delta }, fate);
  }

  /** Takes the orders of one account into its number, and says so by a count. */
  takeIn(sku: string, account: string, fate: Fate): void {
    const book = this.#books.get(sku)!;
    for (const marketplace of this.#marketplaces) {
      if (marketplace.account !== account) continue;
      for (const { orderId, lines } of marketplace.shop.orders.values()) {
        for (const { line, sku: sold, units, cancelled } of lines) {
          if (sold !== sku) continue;
          const id = `${account}/${orderId}/${line}`;
          if (!book.imported.has(id) && cancelled === 0) book.imported.add(id);
          else if (book.imported.has(id) && cancelled === units) book.imported.add(`${id}#cancelled`);
        }
      }
    }
    this.count(sku, 0, fate);
  }

  /** The warehouse has packed an order line, and asks whether it may close it, until that is answered or not wanted any more. */
  askToShip(sku: string, line: string, isOver: () => boolean): void {
    if (isOver()) return;
    const id = `ship-${++this.#serial}`;
    this.#publish(JSON.stringify({ id, sku, type: 'ship', line }), id);
    this.#machine.after(askedToShipAgainMs, this.#machine.outside, () => this.askToShip(sku, line, isOver));
  }

  /** Something that nobody understands. */
  babble(text: string): void {
    this.#publish(text, `babble-${++this.#serial}`);
  }

  /** Says the last messages again, under new ids. */
  repeat(count: number): void {
    for (const saying of this.#said.slice(-count)) this.#send(saying, 'again');
  }

  /** A SKU's actor misses something: it is counted, a little later. */
  asked(sku: string): void {
    if (this.#asked.has(sku)) return;
    this.#asked.add(sku);
    this.#machine.after(askedAgainMs, this.#machine.outside, () => {
      this.#asked.delete(sku);
      this.count(sku, 0, 'told');
    });
  }

  /** Net units of the lines that it has taken in. */
  #sold({ sku, imported }: Book): number {
    let units = 0;
    for (const { account, shop } of this.#marketplaces) {
      for (const { orderId, lines } of shop.orders.values()) {
        for (const line of lines) {
          const id = `${account}/${orderId}/${line.line}`;
          if (line.sku !== sku || !imported.has(id)) continue;
          units += imported.has(`${id}#cancelled`) ? 0 : line.units;
        }
      }
    }
    return units;
  }

  #say(book: Book, what: Pick<Message, 'type' | 'quantity' | 'delta' | 'imported'>, fate: Fate): void {
    book.version += 1;
    const saying: Saying = { message: { id: `erp-${book.sku}-${book.version}`, sku: book.sku, version: book.version, ...what }, supply: book.supply };
    this.#said.push(saying);
    const waiting = this.#held.get(book.sku);
    this.#held.delete(book.sku);
    if (fate === 'hold') this.#held.set(book.sku, saying);
    else if (fate !== 'lost') this.#send(saying, 'say');
    if (fate === 'twice') this.#send(saying, 'twice');
    if (waiting) this.#send(waiting, 'say');
  }

  #send(saying: Saying, how: string): void {
    this.#publish(JSON.stringify(saying.message), `${how}-${++this.#serial}`, () => this.told.hear(saying as Parameters<Told['hear']>[0], this.#machine.wall));
  }

  /** Tried under one id until the broker has it. */
  #publish(text: string, id: string, onTold: () => void = () => {}): void {
    const receipt = this.#broker.put('ingest.erp', Buffer.from(`NATS/1.0\r\nNats-Msg-Id: ${id}\r\n\r\n`), Buffer.from(text));
    if (!receipt) return this.#machine.after(500, this.#machine.outside, () => this.#publish(text, id, onTold));
    this.acknowledged.set(id, receipt.seq);
    onTold();
  }
}
