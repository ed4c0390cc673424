/** Turns a channel's order pages into facts in the SKU journals. Overlap is right: ids make repeats harmless. */
import type { Logger } from 'pino';
import type { Call, ChannelAdapter, OrderLine } from '../actors/channel/adapter.ts';
import type { OrderFact, SkuFact } from '../actors/sku/protocol.ts';
import { perform } from './perform.ts';
import type { Publisher } from './publisher.ts';
import { keyFor } from './subjects.ts';

export interface OrderIntakePorts {
  account: string;
  adapter: ChannelAdapter;
  publisher: Publisher;
  log: Logger;
  /** The SKU behind a SKU or listing id of this account. */
  skuOf(name: string): string | undefined;
  publish(sku: string, id: string, fact: SkuFact, correlation?: string): Promise<void>;
}

/** Lines whose last state is remembered, so that overlapping polls do not repeat it to the journal. */
const rememberedMax = 50_000;

export class OrderIntake {
  readonly #p: OrderIntakePorts;
  readonly #told = new Map<string, string>();
  #stopped = false;

  constructor(ports: OrderIntakePorts) {
    this.#p = ports;
  }

  stop(): void {
    this.#stopped = true;
  }

  /**
   * One page. Resolves when every fact of it is in the journals: only then may the cursor be kept.
   *
   * @throws what the adapter throws
   */
  async poll(cursor: string | undefined, call: Call): Promise<{ cursor: string; more: boolean; completeThrough: number; facts: number }> {
    const page = await this.#p.adapter.orders(cursor, call);
    const facts = page.lines.flatMap(line => this.#facts(line));
    await Promise.all(facts);
    if (this.#stopped) throw new Error('account was released during an order poll');
    return { cursor: page.cursor, more: page.more, completeThrough: page.completeThrough, facts: facts.length };
  }

  #facts(line: OrderLine): Promise<void>[] {
    const { account } = this.#p;
    const id = `${account}/${line.id}`;
    const state = `${line.units}/${line.cancelled}/${line.shipped}`;
    const before = this.#told.get(id);
    if (before === state) return [];
    const sku = this.#p.skuOf(line.sku);
    if (sku === undefined) return [this.#unmapped(line, id)];
    const facts: OrderFact[] = [];
    if (!before?.startsWith(`${line.units}/`)) facts.push({ type: 'order.placed', account, line: id, units: line.units, createdAt: line.createdAt });
    if (line.cancelled > 0) facts.push({ type: 'order.cancelled', account, line: id, units: line.cancelled });
    if (line.shipped > 0) facts.push({ type: 'order.shipped', account, line: id, units: line.shipped });
    return facts.map(async fact => {
      await this.#p.publish(sku, `${fact.type}:${id}:${fact.units}`, fact, id);
      this.#remember(id, state);
    });
  }

  async #unmapped(line: OrderLine, id: string): Promise<void> {
    const { account, publisher, log } = this.#p;
    log.warn({ account, line: id, sku: line.sku }, 'order line of a listing that is not linked');
    await perform(publisher, [{
      to: ['dead', 'unmapped', account, line.sku === '' ? 'no-sku' : keyFor(line.sku)],
      id: `dead:unmapped:${id}`,
      body: {
        class: 'unmapped', account, line: id, sku: line.sku, units: line.units, at: Date.now(),
        message: `${line.units} units of ${JSON.stringify(line.sku)} were sold at ${account}, and no listing of that name is linked`,
        heals: 'linking the listing: the line is then read again',
      },
    }]);
  }

  #remember(id: string, state: string): void {
    this.#told.delete(id);
    this.#told.set(id, state);
    if (this.#told.size > rememberedMax) this.#told.delete(this.#told.keys().next().value!);
  }
}
