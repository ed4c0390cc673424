/** Buyers, what becomes of their orders, and how the owner comes to know: webhooks, polls, and the warehouse that ships. */
import type { Channel, Sale } from './channel.ts';
import { visible } from './channel.ts';
import { hour, minute, second } from './conditions.ts';
import type { Owners } from './owner.ts';
import { lagMs } from './world.ts';
import type { World } from './world.ts';

const pollMs = 5 * minute;

export class Orders {
  readonly #world: World;
  readonly #owners: Owners;
  readonly #sales = new Map<string, Sale>();
  readonly #shipped = new Set<string>();
  #polls = 0;

  constructor(world: World, owners: Owners) {
    this.#world = world;
    this.#owners = owners;
    world.onSale = (id, channel) => this.#onSale(id, channel);
    owners.onPoll = cell => this.poll(world.channels[cell]!);
    owners.onPermitted = line => this.#ship(line);
  }

  /** Buyers come all day, most of them when others come too. */
  start(): void {
    const world = this.#world;
    const { dice, conditions: { buyers, weights, lengthMs } } = world;
    const channels = Object.values(world.channels);
    const bag = channels.flatMap((channel, i) => Array.from({ length: weights[i]! }, () => channel));
    for (let i = 0; i < buyers; i++) {
      const name = `buyer ${i}`;
      const rush = dice.whole(`rush ${name}`, 0, 4);
      const at = rush === 0 ? dice.whole(`time ${name}`, minute, lengthMs) : dice.whole(`start ${rush}`, minute, lengthMs) + dice.whole(`time ${name}`, 0, 6 * minute);
      if (at < lengthMs) world.at(at, () => this.#visit(name, dice.pick(`where ${name}`, bag)));
    }
    for (const channel of channels) world.at(dice.whole(`first poll ${channel.id}`, second, pollMs), () => this.#poll(channel));
  }

  #visit(name: string, channel: Channel): void {
    const world = this.#world;
    const { dice } = world;
    const units = dice.whole(`units ${name}`, 0, 5) === 0 ? 2 : 1;
    if (!dice.happens(`sale ${name}`, 1)) return;
    if (channel.terms.holdMs === 0 || channel.offered < units || !world.fault('hold', name)) {
      world.sell(channel, `order of ${name}`, units);
      return;
    }
    channel.held += units;
    world.tell('buyer', () => `begins to pay for ${units} at ${channel.id}, which shows ${channel.quantity}`);
    world.in(dice.whole(`pays ${name}`, second, channel.terms.holdMs * 0.95), () => {
      channel.held -= units;
      if (dice.whole(`pays at all ${name}`, 0, 3) > 0) world.sell(channel, `order of ${name}`, units, true);
    });
  }

  #onSale(id: string, channel: Channel): void {
    const world = this.#world;
    const { dice } = world;
    const sale = channel.sales.at(-1)!;
    this.#sales.set(id, sale);
    this.#webhook(sale, `${id} placed`);
    const isCancelled = world.fault('cancel', id);
    if (isCancelled) {
      world.in(dice.whole(`cancel after ${id}`, 10 * second, dice.whole(`soon ${id}`, 0, 1) === 0 ? 5 * minute : 3 * hour), () => {
        if (sale.closed) return;
        const restocks = dice.whole(`restock ${id}`, 0, 3) > 0;
        channel.cancel(sale, restocks, world.now, dice.whole(`cancel lag ${id}`, 100, lagMs * 0.9));
        world.note(channel);
        world.tell('buyer', () => `cancels ${id}; ${channel.id} ${restocks ? 'puts the unit back' : 'keeps the unit'} and shows ${channel.quantity}`);
        this.#webhook(sale, `${id} cancelled`);
        this.onChange(sale);
      });
    }
    this.onChange(sale);
    if (channel.kind === 'gross') world.in(dice.whole(`pack ${id}`, 2 * minute, 2 * hour), () => this.#pack(id, sale));
  }

  /** Told of every sale and every cancellation. */
  onChange: (sale: Sale) => void = () => {};

  /** The warehouse has packed: it ships once permitted, and asks again until then. */
  #pack(id: string, sale: Sale): void {
    if (sale.closed || sale.cancelled > 0) return;
    if (this.#world.design.ungated) {
      this.#ship(id);
      return;
    }
    this.#owners.deliver({ type: 'ship.asked', line: id });
    this.#world.in(hour / 2, () => this.#pack(id, sale));
  }

  #ship(id: string): void {
    const world = this.#world;
    const sale = this.#sales.get(id)!;
    if (this.#shipped.has(id)) return;
    this.#shipped.add(id);
    const channel = world.channels[sale.cell]!;
    world.in(world.dice.whole(`ship ${id}`, second, 10 * minute), () => {
      if (sale.cancelled > 0) return;
      channel.close(sale, world.now, world.dice.whole(`close lag ${id}`, 100, lagMs * 0.9));
      world.note(channel);
      world.tell('warehouse', () => `closes ${id}; ${channel.id} can sell ${channel.sellable}`);
    });
  }

  #webhook(sale: Sale, what: string): void {
    const world = this.#world;
    const { dice } = world;
    if (world.fault('undelivered', what)) return;
    const copies = world.fault('repeated', what) ? dice.whole(`copies ${what}`, 2, 4) : 1;
    const { cancelled } = sale;
    for (let i = 0; i < copies; i++) {
      const ms = world.fault('delayed', `${what} ${i}`) ? dice.whole(`delay ${what} ${i}`, minute, 6 * hour) : dice.whole(`webhook ${what} ${i}`, 200, 60 * second);
      world.in(ms, () => this.#tell(sale, cancelled, false));
    }
  }

  #tell({ id, cell, units, createdAt }: Sale, cancelled: number, closed: boolean): void {
    this.#owners.deliver({ type: 'order.line', line: id, cell, units, cancelled, createdAt, ...(closed && !this.#world.design.ungated && { closed }) });
  }

  #poll(channel: Channel): void {
    const world = this.#world;
    world.in(world.isQuiet ? 3 * pollMs : pollMs, () => this.#poll(channel));
    if (this.#owners.isUp && !world.fault('undelivered', `poll ${channel.id} ${this.#polls++}`)) this.poll(channel);
  }

  /** What has changed since the last poll that counted, then how far that is complete. */
  poll(channel: Channel): void {
    const world = this.#world;
    // 0 before the first: by the channel's clock an order may be from before this world's time began.
    const since = this.#owners.ledger.cells[channel.id]?.through || -Infinity;
    const askedAt = world.now;
    const found = channel.changedSince(world.conditions.outside.lateOrder > 0 ? since - 12 * lagMs : since, askedAt).map(sale => ({ sale, ...visible(sale, askedAt)! }));
    world.in(world.dice.whole(`poll ${channel.id} ${askedAt}`, 100, 900), () => {
      if (!this.#owners.isUp) return;
      for (const { sale, cancelled, closed } of found) this.#tell(sale, cancelled, closed);
      this.#owners.deliver({ type: 'orders.complete', cell: channel.id, through: askedAt + channel.skewMs - lagMs });
    });
  }
}
