/** Buyers and an ERP at SKUs where nothing is planted: what a shop does all day, and no reason for an alarm. */
import { channels } from '../../../deploy/demo/world.ts';
import { Dice } from '../../../deploy/demo/dice.ts';
import { pause } from './world.ts';
import type { World } from './world.ts';

/** As much as the slowest of the documented write quotas bears, 2 a second at Mercado Libre, ms. */
const everyMs = 700;
const cancelled = 0.15;
const counted = 0.15;

export class Traffic {
  readonly #world: World;
  readonly #skus: readonly string[];
  readonly #dice = new Dice(7, 'traffic');
  #running: Promise<void> | undefined;
  #stopping = false;
  sales = 0;
  counts = 0;

  constructor(world: World, skus: readonly string[]) {
    this.#world = world;
    this.#skus = skus;
  }

  start(): void {
    this.#stopping = false;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const sku = this.#pick(this.#skus);
      const admin = this.#world.admins.get(this.#pick(channels))!;
      const order = await admin.buy(sku, 1);
      if (order) this.sales += 1;
      if (order && this.#dice.next() < cancelled) {
        await pause(everyMs);
        await admin.cancel(order.orderId, order.lines[0]!.line);
      }
      if (this.#dice.next() < counted) {
        this.counts += 1;
        await this.#world.count(sku, this.#world.counted(sku) + Math.floor(this.#dice.next() * 6));
      }
      await pause(everyMs);
    }
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#dice.next() * from.length)]!;
  }
}
