/** The ERP: what exists, which orders it has imported by now, and the counts that it sends, in any order and number. */
import type { Sale } from './channel.ts';
import { hour, minute, second } from './conditions.ts';
import type { Owners } from './owner.ts';
import type { World } from './world.ts';

export class Erp {
  readonly #world: World;
  readonly #owners: Owners;
  readonly #imported = new Map<string, { units: number; cancelled: number }>();

  constructor(world: World, owners: Owners) {
    this.#world = world;
    this.#owners = owners;
  }

  start(): void {
    this.#owners.onLost = () => this.#world.in(minute, () => this.#count());
    const world = this.#world;
    const { dice, conditions: { lengthMs, outside } } = world;
    this.#count();
    for (let i = 1; i * 2 * hour < lengthMs + 8 * hour; i++) world.at(i * 2 * hour, () => this.#count());
    const corrections = outside.correction === 0 ? 0 : dice.whole('corrections', 1, 2 * outside.correction);
    for (let i = 0; i < corrections; i++) {
      world.at(dice.whole(`correction time ${i}`, hour, lengthMs), () => {
        if (dice.happens(`correction ${i}`, 1)) this.#correct(-dice.whole(`correction by ${i}`, 1, 3));
      });
    }
    for (let i = dice.whole('restocks', 0, 10); i > 0; i--) {
      world.at(dice.whole(`restock time ${i}`, hour, lengthMs - 1), () => {
        if (dice.happens(`restock ${i}`, 1)) this.#correct(dice.whole(`restock by ${i}`, 1, 4));
      });
    }
  }

  /** The order, or its cancellation, reaches the ERP some time later. */
  learn(sale: Sale): void {
    const world = this.#world;
    const what = `${sale.id} ${sale.cancelled}`;
    const slow = world.dice.whole(`slow import ${what}`, 0, 9) === 0;
    world.in(world.dice.whole(`import ${what}`, minute, slow ? 5 * hour : hour), () => {
      this.#imported.set(sale.id, { units: sale.units, cancelled: sale.cancelled });
      if (world.dice.whole(`tells import ${what}`, 0, 1) === 0) this.#count();
    });
  }

  #correct(units: number): void {
    const world = this.#world;
    if (units < 0) world.disturbed = true;
    world.supply += units;
    world.tell('ERP', () => `${units < 0 ? 'corrects' : 'restocks'} by ${units}: ${world.supply} exist`);
    this.#count();
  }

  /** A count that names what it contains. */
  #count(): void {
    const world = this.#world;
    const { dice } = world;
    const version = world.supplies.push(world.supply) - 1;
    let quantity = world.supply;
    const imported: string[] = [];
    for (const [id, { units, cancelled }] of this.#imported) {
      quantity -= units - cancelled;
      imported.push(id);
      if (cancelled > 0) imported.push(`${id}#cancelled`);
    }
    const what = `count ${version}`;
    if (version > 0 && world.fault('undelivered', what)) return;
    const copies = world.fault('repeated', what) ? dice.whole(`copies ${what}`, 2, 4) : 1;
    for (let i = 0; i < copies; i++) {
      const ms = world.fault('delayed', `${what} ${i}`) ? dice.whole(`delay ${what} ${i}`, minute, 6 * hour) : dice.whole(`sent ${what} ${i}`, 100, 30 * second);
      world.in(ms, () => this.#owners.deliver({ type: 'stock.counted', version, quantity, imported }));
    }
  }
}
