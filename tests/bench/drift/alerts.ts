/** Drift alerts as whoever watches hears them, with the time at which they came. */
import type { NatsConnection } from 'nats';
import type { DriftAlert } from '../../../actors/reconciler/protocol.ts';

export interface Heard { alert: DriftAlert; at: number }

export class Alerts {
  readonly heard: Heard[] = [];

  constructor(nc: NatsConnection) {
    nc.subscribe('drift.>', { callback: (error, message) => {
      if (!error) this.heard.push({ alert: message.json<DriftAlert>(), at: Date.now() });
    } });
  }

  /** The first about a listing since then. */
  first(account: string, sku: string, since: number, states: readonly DriftAlert['state'][]): Heard | undefined {
    return this.heard.find(({ alert, at }) => at >= since && alert.account === account && alert.sku === sku && states.includes(alert.state));
  }
}
