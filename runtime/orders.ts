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
  /** Resolves when the SKU's journal has the fact; rejects when the account was given up before. */
  publish(sku: string, id: string, fact: SkuFact, correlation: string): Promise<unknown>;
}

/** Lines whose last state is remembered, so that overlapping polls do not repeat it to the journal. */
const rememberedMax = 50_000;
/** Lines that wait for their listing to be linked; the oldest beyond that have only their dead letter. */
const unmappedMax = 1_000;

export class OrderIntake {
  readonly #p: OrderIntakePorts;
  /** By id, with the SKU that was told of it: a listing may become another SKU's. */
  readonly #told = new Map<string, OrderLine>();
  /** Lines of listings that are not linked, by id, as last read. */
  readonly #unmapped: Map<string, OrderLine>;

  /** @param unmapped what a former owner left */
  constructor(ports: OrderIntakePorts, unmapped: readonly OrderLine[] = []) {
    this.#p = ports;
    this.#unmapped = new Map(unmapped.map(line => [line.id, line]));
  }

  get hasUnmapped(): boolean {
    return this.#unmapped.size > 0;
  }

  /** Lines that wait for their listing, for the account's record. */
  get unmapped(): OrderLine[] {
    return [...this.#unmapped.values()];
  }

  /**
   * One page. Resolves when every fact of it is in the journals: only then may the cursor be kept.
   *
   * @throws what the adapter throws; {Error} when the account was given up meanwhile
   */
  async poll(cursor: string | undefined, call: Call): Promise<{ cursor: string; more: boolean; completeThrough: number; facts: number }> {
    const page = await this.#p.adapter.orders(cursor, call);
    const facts = await Promise.all(page.lines.map(line => this.#take(line)));
    return { cursor: page.cursor, more: page.more, completeThrough: page.completeThrough, facts: facts.reduce((sum, n) => sum + n, 0) };
  }

  /** Listings were linked: lines that were sold under them before are told now. */
  async linked(): Promise<number> {
    const found = [...this.#unmapped.values()].filter(line => this.#p.skuOf(line.sku) !== undefined);
    const facts = await Promise.all(found.map(line => this.#take(line)));
    return facts.reduce((sum, n) => sum + n, 0);
  }

  /** Tells what is new of a line; how many facts that were. */
  async #take(line: OrderLine): Promise<number> {
    const { account, skuOf, publish } = this.#p;
    const id = `${account}/${line.id}`;
    const sku = skuOf(line.sku);
    if (sku === undefined) {
      await this.#setAside(line, id);
      return 0;
    }
    const told = this.#told.get(id);
    const facts = factsOf(line, told?.sku === sku ? told : undefined, account, id);
    await Promise.all(facts.map(each => publish(sku, `${each.type}:${id}:${each.units}`, each, id)));
    remember(this.#told, id, line.sku === sku ? line : { ...line, sku }, rememberedMax);
    if (this.#unmapped.has(line.id)) {
      // Let go of when people are told: a broker that is away must not leave the letter open for ever.
      await this.#mapped(line, id, sku);
      this.#unmapped.delete(line.id);
    }
    return facts.length;
  }

  /** Kept until its listing is linked; people are told once. */
  async #setAside(line: OrderLine, id: string): Promise<void> {
    const { account, publisher, log } = this.#p;
    if (this.#unmapped.has(line.id)) return remember(this.#unmapped, line.id, line, unmappedMax);
    log.warn({ account, line: id, sku: line.sku }, 'order line of a listing that is not linked');
    await perform(publisher, [{
      to: letterOf(account, line),
      id: `dead:unmapped:${id}`,
      body: {
        class: 'unmapped', account, line: id, sku: line.sku, units: line.units, at: Date.now(),
        message: `${line.units} units of ${JSON.stringify(line.sku)} were sold at ${account}, and no listing of that name is linked`,
        heals: 'linking the listing: the line is then told to its SKU',
      },
    }]);
    remember(this.#unmapped, line.id, line, unmappedMax);
  }

  /** A line that people were told of has found its SKU. */
  async #mapped(line: OrderLine, id: string, sku: string): Promise<void> {
    const { account, publisher } = this.#p;
    const body = { class: 'unmapped', account, line: id, sku, resolved: true, how: 'healed', by: `${JSON.stringify(line.sku)} is linked to ${sku}`, at: Date.now() };
    await perform(publisher, [{ to: letterOf(account, line), id: `dead:unmapped:${id}:resolved`, body }]);
  }
}

function letterOf(account: string, { sku }: OrderLine): string[] {
  return ['dead', 'unmapped', account, sku === '' ? 'no-sku' : keyFor(sku)];
}

function factsOf(line: OrderLine, before: OrderLine | undefined, account: string, id: string): OrderFact[] {
  const { units, cancelled, shipped, createdAt } = line;
  return [
    ...(units !== before?.units ? [{ type: 'order.placed', account, line: id, units, createdAt } as const] : []),
    ...(cancelled > 0 && cancelled !== before?.cancelled ? [{ type: 'order.cancelled', account, line: id, units: cancelled } as const] : []),
    ...(shipped > 0 && shipped !== before?.shipped ? [{ type: 'order.shipped', account, line: id, units: shipped } as const] : []),
  ];
}

function remember(map: Map<string, OrderLine>, id: string, line: OrderLine, max: number): void {
  map.delete(id);
  map.set(id, line);
  if (map.size > max) map.delete(map.keys().next().value!);
}
