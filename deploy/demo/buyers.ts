/** Buyers: place the trace's orders at the sandboxes, cancel what was really sold, and let the ERP know of both. */
import type { Erp } from './erp.ts';
import type { Market, SoldLine } from './market.ts';
import type { WorldEvent } from './world.ts';

type Order = Extract<WorldEvent, { kind: 'order' }>;
type Cancel = Extract<WorldEvent, { kind: 'cancel' }>;

export interface BuyerFigures {
  /** Orders of which at least one line was sold. */
  orders: number;
  linesSold: number;
  linesRefused: number;
  unitsSold: number;
  linesCancelled: number;
  unitsCancelled: number;
}

/** Orders that wait at one account before the trace has to. */
const laneDepth = 16;

export class Buyers {
  readonly figures: BuyerFigures = { orders: 0, linesSold: 0, linesRefused: 0, unitsSold: 0, linesCancelled: 0, unitsCancelled: 0 };
  readonly #markets: ReadonlyMap<string, Market>;
  readonly #erp: Erp;
  readonly #now: () => number;
  /** One order at a time at each account, in the trace's order: what is begun and what waits, oldest first. */
  readonly #lanes = new Map<string, Promise<void>[]>();
  /** By the trace's order id: what the sandbox sold, and how much of it is not cancelled. */
  readonly #sold = new Map<string, { orderId: string; lines: (SoldLine & { open: number })[] }>();
  #failure: Error | undefined;

  constructor(markets: ReadonlyMap<string, Market>, erp: Erp, now: () => number) {
    this.#markets = markets;
    this.#erp = erp;
    this.#now = now;
  }

  /** Puts an event into its account's lane; returns at once, or when the lane has room. @throws {Error} once a call has failed */
  act(event: Order | Cancel): Promise<void> {
    const market = this.#markets.get(event.account);
    if (!market) throw new Error(`no sandbox for account ${event.account}`);
    return this.#enter(market.account, () => event.kind === 'order' ? this.#buy(market, event) : this.#cancel(market, event));
  }

  /** Waits until no call is under way or waiting. @throws {Error} when one has failed */
  async settled(): Promise<void> {
    await Promise.all([...this.#lanes.values()].flat());
    if (this.#failure) throw this.#failure;
  }

  async #enter(account: string, work: () => Promise<void>): Promise<void> {
    const lane = this.#lanes.get(account) ?? [];
    this.#lanes.set(account, lane);
    const turn = (lane.at(-1) ?? Promise.resolve())
      .then(() => this.#failure ? undefined : work())
      .catch((error: Error) => { this.#failure ??= error; })
      .then(() => { lane.shift(); });
    lane.push(turn);
    if (lane.length > laneDepth) await lane[0];
    if (this.#failure) throw this.#failure;
  }

  async #buy(market: Market, { orderId, lines }: Order): Promise<void> {
    const { order, refused } = await market.buy(orderId, lines.map(({ sku, units }) => ({ sku, units })));
    this.figures.linesRefused += refused.length;
    this.figures.linesSold += lines.length - refused.length;
    if (!order) return;
    const at = this.#now();
    this.figures.orders += 1;
    this.#sold.set(orderId, { orderId: order.orderId, lines: order.lines.map(({ line, sku, units }) => ({ line, sku, units, open: units })) });
    this.figures.unitsSold += order.lines.reduce((sum, { units }) => sum + units, 0);
    this.#erp.sold(order.lines.map(({ line, sku, units }) => ({ id: `${market.account}/${order.orderId}/${line}`, sku, units })), at);
  }

  /** A line of a cancellation takes its units from the order's lines of that SKU, as far as they were sold. */
  async #cancel(market: Market, { refOrderId, lines }: Cancel): Promise<void> {
    const sold = this.#sold.get(refOrderId);
    if (!sold) return;
    for (const { sku, units } of lines) {
      let left = units;
      for (const line of sold.lines) {
        if (line.sku !== sku || line.open === 0 || left === 0) continue;
        const cancelled = await market.cancel(sold.orderId, line.line, Math.min(left, line.open));
        if (cancelled === 0) continue;
        left -= cancelled;
        line.open -= cancelled;
        this.figures.unitsCancelled += cancelled;
        this.#erp.cancelled(`${market.account}/${sold.orderId}/${line.line}`, cancelled, this.#now());
      }
      if (left < units) this.figures.linesCancelled += 1;
    }
  }
}
