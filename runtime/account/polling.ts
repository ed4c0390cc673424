/** Polls an account's orders, as often as its limit and its settings allow, and keeps the cursor that is in the journals. */
import { AuthError, RetryableError, TerminalError, ThrottledError } from '../../actors/errors.ts';
import type { OrderIntake } from '../orders.ts';
import type { Desk } from './ports.ts';

/** How far orders are read. */
export interface OrderMarks {
  /** The adapter's own. */
  cursor: string | undefined;
  /** Every change up to then is in the SKU journals, channel's clock, epoch ms. */
  completeThrough: number;
}

/** Slower than the limit by so much, so that polls alone never use it up; and where it pays for reads or writes too. */
const pace = 1.1;
const sharedPace = 3;
/** Looks whether it may poll, where it may not, so often, ms. */
const lookEveryMs = 250;
/** Refusals of one cursor after which orders are read from the beginning of the adapter's window. */
const refusalsMax = 3;

export class OrderPolling {
  readonly marks: OrderMarks;
  readonly #desk: Desk;
  readonly #intake: OrderIntake;
  readonly #mayPoll: () => boolean;
  #stopped = false;
  /** Told of an order since the last poll began. */
  #nudged = false;
  #wake: () => void = () => {};
  /** Refusals in a row. */
  #refusals = 0;
  /** The last poll was: what people were told of refusals is over. */
  #isAnswered = false;
  /** Begun anew so often, and whether that is under way. */
  #rounds = 0;
  #isAgain = false;

  /** @param mayPoll false while what orders are mapped by is not known, or the account may be another node's */
  constructor(desk: Desk, intake: OrderIntake, marks: OrderMarks, mayPoll: () => boolean) {
    this.#desk = desk;
    this.#intake = intake;
    this.marks = marks;
    this.#mayPoll = mayPoll;
  }

  /** Polls until stopped. */
  async run(): Promise<void> {
    while (!this.#stopped) await this.#pause(await this.#next());
  }

  /** Polls as soon as the rate allows: the channel told of an order. */
  nudge(): void {
    this.#nudged = true;
    this.#wake();
  }

  /** Reads the adapter's window once more: some of its lines are another SKU's now. */
  again(): void {
    this.#rounds += 1;
    this.#isAgain = true;
    this.marks.cursor = undefined;
    this.nudge();
  }

  /** Lines that were read before are being read once more. */
  get isAgain(): boolean {
    return this.#isAgain;
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** Polls if that is allowed now; returns the ms until the next time. */
  async #next(): Promise<number> {
    const { ports: { adapter, times }, budget, health, counts } = this.#desk;
    const operation = adapter.operations.orders;
    if (!this.#mayPoll() || !health.mayRead) return Math.min(times.pollMinMs, lookEveryMs);
    const wait = budget.pay(operation, Date.now());
    if (wait > 0) return Math.min(wait, lookEveryMs);
    counts.calls += 1;
    this.#nudged = false;
    const isShared = [adapter.operations.read, adapter.operations.write].some(({ limit }) => limit === operation.limit);
    const every = (cost: number): number => Math.max(times.pollMinMs, (1_000 * (isShared ? sharedPace : pace) * cost) / budget.perSecond(operation.limit));
    try {
      const { more, refund } = await this.#poll(operation.limit);
      // What was told of while we polled may not be in the page.
      return more || this.#nudged ? 0 : every(Math.max(0, operation.cost - refund));
    } catch (error) {
      if (!this.#stopped) this.#failed(operation.limit, error as Error);
      return every(operation.cost);
    }
  }

  /** One page: whether there is more, and what of its price was given back. */
  async #poll(limit: string): Promise<{ more: boolean; refund: number }> {
    const { health, counts } = this.#desk;
    let refund = 0;
    const round = this.#rounds;
    const page = await this.#desk.call(limit, [], call => this.#intake.poll(this.marks.cursor, { ...call, onMeter: meter => {
      refund += meter.refund ?? 0;
      call.onMeter?.(meter);
    } }));
    if (!this.#isAnswered) this.#desk.journal.healed('orders', this.#desk.ports.account, 'an order poll that was answered');
    this.#isAnswered = true;
    this.#refusals = 0;
    if (round === this.#rounds) {
      this.marks.cursor = page.cursor;
      if (!page.more) this.#isAgain = false;
    }
    this.marks.completeThrough = Math.max(this.marks.completeThrough, page.completeThrough);
    this.#desk.cells.ordersRead();
    this.#desk.shadow.ordersRead();
    counts.orderLines += page.facts;
    health.tell({ type: 'call.succeeded' });
    return { more: page.more, refund };
  }

  #failed(limit: string, error: Error): void {
    const { ports: { account, log }, budget, health, counts, journal } = this.#desk;
    const now = Date.now();
    if (error instanceof ThrottledError) {
      counts.throttled += 1;
      return budget.throttle(limit, error.retryAfterMs, now);
    }
    if (error instanceof AuthError) return health.tell({ type: 'auth.failed', reason: error.message, at: now });
    if (!(error instanceof TerminalError || error instanceof TypeError)) {
      health.tell({ type: 'call.failed', reason: error.message });
      if (!(error instanceof RetryableError)) log.error({ err: error, account }, 'order poll failed in a way no adapter names');
      return;
    }
    log.error({ err: error, account, cursor: this.marks.cursor }, 'order poll was refused');
    this.#isAnswered = false;
    if (++this.#refusals < refusalsMax) return;
    if (this.marks.cursor !== undefined && this.#refusals === refusalsMax) {
      // It may be the cursor: lines that are read again are known by their ids.
      this.marks.cursor = undefined;
      return;
    }
    journal.dead({ class: 'orders', sku: account, code: 'refused', message: error.message, heals: `an order poll that ${account} answers: its settings, its scopes; until then no order of it is learnt` });
  }

  async #pause(ms: number): Promise<void> {
    if (ms <= 0 || this.#stopped) return;
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => { clearTimeout(timer); resolve(); };
    });
  }
}
