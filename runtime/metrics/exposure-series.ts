/** What SKUs in escrow had to say, as counters: told by the node that performed it, a repeat after a crash once more. */
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';
import type { PublishEffect } from '../actor.ts';

/** What can be said; a counter that is 0 is there to be compared with. */
const events = [
  'shortfall.opened', 'shortfall.grew', 'shortfall.sold', 'shortfall.closed', 'drift.found', 'drift.over', 'order.late', 'sale.beyond', 'sale.unlisted', 'ship.permitted', 'ship.ungated',
  'write.lapsed', 'ledger.lost', 'ledger.regained', 'mode.changed', 'escrow.inForce',
] as const;
const causes = ['correction', 'foreign', 'loss', 'entry', 'late order', 'early close', 'broken promise'] as const;

export class ExposureSeries {
  readonly #events: Counter<'event'>;
  readonly #risked: Counter<'cause'>;
  readonly #oversold: Counter<'cause'>;
  readonly #ungated: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#events = new Counter({ registers, name: 'plumb_exposure_events_total', help: 'What SKUs in escrow had to say: shortfalls, assumptions that failed, changes of mode', labelNames: ['event'] });
    this.#risked = new Counter({ registers, name: 'plumb_exposure_shortfall_units_total', help: 'Units that could be sold beyond what exists when a shortfall was closed, at most', labelNames: ['cause'] });
    this.#oversold = new Counter({ registers, name: 'plumb_exposure_oversold_units_total', help: 'Units really sold beyond what exists, by shortfalls that are closed', labelNames: ['cause'] });
    this.#ungated = new Counter({ registers, name: 'plumb_exposure_ungated_units_total', help: 'Units shown again because an order was closed without asking' });
    for (const event of events) this.#events.inc({ event }, 0);
    for (const cause of causes) for (const counter of [this.#risked, this.#oversold]) counter.inc({ cause }, 0);
  }

  /** These were performed. */
  told(effects: readonly PublishEffect[]): void {
    for (const { to, body } of effects) {
      if (to[0] !== 'exposure') continue;
      const { type, cause = '', debt = 0, oversold = 0, units = 0 } = body as { type: string; cause?: string; debt?: number; oversold?: number; units?: number };
      this.#events.inc({ event: type });
      if (type === 'shortfall.closed') {
        this.#risked.inc({ cause }, debt);
        this.#oversold.inc({ cause }, oversold);
      }
      if (type === 'ship.ungated') this.#ungated.inc(units);
    }
  }
}
