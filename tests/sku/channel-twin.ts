/**
 * Channels that sell by themselves, apply writes and are read back, around one SKU actor: what the rules must bring to
 * rest whatever comes between a sale and its order fact, a write and its answer. Owners that do what the record says.
 */
import type { Rule, SkuFact, StockFact } from '../../actors/sku/protocol.ts';
import { openUnits } from '../../actors/sku/lines.ts';
import { shownUnder } from '../../actors/sku/rules.ts';
import { known } from '../../actors/sku/stock.ts';
import { Actor, adjust, cancelled, count, link, placed, shipped } from './actor.ts';

export interface ChannelSetup { account: string; gross: boolean; rule: Rule; opening: number }

interface Channel extends ChannelSetup {
  /** The number that writes set. */
  live: number;
  /** Gross: units in open orders. */
  reserved: number;
  lines: { id: string; units: number; cancelled: number; shipped: number }[];
  /** What the order list tells and we have not heard, oldest first. */
  untold: SkuFact[];
  /** The write on its way: applied at the channel, not answered yet. */
  sent?: { signature: string; quantity: number };
}

export type Step =
  | { do: 'sell'; channel: number; units: number }
  | { do: 'cancel' | 'ship'; channel: number; line: number }
  | { do: 'poll' | 'send' | 'answer' | 'read'; channel: number }
  | { do: 'adjust'; delta: number }
  | { do: 'import'; channel: number; line: number }
  | { do: 'deliver'; which: number }
  | { do: 'wait'; ms: number };

export class World {
  readonly actor = new Actor();
  readonly channels: Channel[];
  #position = 1;
  #book: number;
  /** What the ERP has said and we have not heard. */
  #unheard: StockFact[] = [];
  readonly #imported = new Set<string>();

  constructor(supply: number, setups: readonly ChannelSetup[]) {
    this.#book = supply;
    this.channels = setups.map(setup => ({ ...setup, live: setup.opening, reserved: 0, lines: [], untold: [] }));
    for (const { account, gross, rule, live } of this.channels) this.actor.tell(link(account, { gross, rule, shown: live }));
    this.actor.tell(count(1, supply));
  }

  act(step: Step): void {
    switch (step.do) {
      case 'adjust':
        this.#book += step.delta;
        this.#unheard.push(adjust(++this.#position, step.delta));
        return;
      case 'deliver': {
        const [fact] = this.#unheard.splice(step.which % Math.max(1, this.#unheard.length), 1);
        if (fact) this.actor.tell(fact);
        return;
      }
      case 'wait':
        this.actor.wait(step.ms);
        return;
      case 'import':
        return this.#import(this.#channel(step).lines[step.line]);
      case 'sell': {
        const channel = this.#channel(step);
        const units = Math.min(step.units, buyable(channel));
        if (units === 0) return;
        const line = { id: `${channel.account}/${channel.lines.length}/1`, units, cancelled: 0, shipped: 0 };
        channel.lines.push(line);
        if (channel.gross) channel.reserved += units;
        else channel.live -= units;
        channel.untold.push(placed(line.id, units, this.actor.now));
        return;
      }
      case 'cancel': {
        const channel = this.#channel(step);
        const line = channel.lines[step.line];
        if (!line || line.cancelled + line.shipped === line.units) return;
        line.cancelled += 1;
        if (channel.gross) channel.reserved -= 1;
        else channel.live += 1;
        channel.untold.push(cancelled(line.id, line.cancelled));
        return;
      }
      case 'ship': {
        const channel = this.#channel(step);
        const line = channel.lines[step.line];
        if (!line || line.cancelled + line.shipped === line.units) return;
        const open = line.units - line.cancelled - line.shipped;
        line.shipped += open;
        if (channel.gross) channel.reserved -= open;
        channel.untold.push(shipped(line.id, line.shipped));
        return;
      }
      case 'poll': {
        const channel = this.#channel(step);
        this.actor.tell(...channel.untold.splice(0));
        return;
      }
      case 'send': {
        const channel = this.#channel(step);
        const { intent, proof } = this.actor.outlet(channel.account);
        // One write in flight per listing.
        if (!intent || intent.kind === 'verify' || proof?.version === intent.version || channel.sent) return;
        channel.live = intent.quantity;
        channel.sent = { signature: intent.signature, quantity: intent.quantity };
        return;
      }
      case 'answer': {
        const channel = this.#channel(step);
        const { sent } = channel;
        delete channel.sent;
        if (sent) this.actor.tell({ type: 'write.answered', account: channel.account, outcome: 'applied', ...sent } satisfies SkuFact);
        return;
      }
      case 'read': {
        const channel = this.#channel(step);
        const { account, live, sent, untold } = channel;
        const { intent, proof } = this.actor.outlet(account);
        if (intent?.kind !== 'verify' || proof?.version === intent.version || sent) return;
        const observed = { type: 'observed', account, version: intent.version, quantity: live } as const;
        if (live === intent.quantity) this.actor.tell({ ...observed, verdict: 'equal' });
        // Below, a sale that we have not heard of may explain it: wait for orders.
        else if (live > intent.quantity || untold.length === 0) this.actor.tell({ ...observed, verdict: 'drift' });
        return;
      }
    }
  }

  /** Everything is heard, and every owner does what is left to do. Returns the rounds that it took. */
  rest(): number {
    while (this.#unheard.length > 0) this.act({ do: 'deliver', which: 0 });
    for (let round = 1; round <= 20; round++) {
      this.channels.forEach((_, channel) => { for (const what of ['poll', 'answer', 'send', 'answer', 'read'] as const) this.act({ do: what, channel }); });
      this.actor.settle();
      if (Object.values(this.actor.stock.outlets).every(({ intent, proof }) => intent && proof?.version === intent.version)) return round;
    }
    throw new Error(`never at rest: ${JSON.stringify(this.actor.stock.outlets, undefined, 1)}`);
  }

  /** Units that exist and are sold to nobody. */
  get free(): number {
    const sold = this.channels.flatMap(({ lines }) => lines).reduce((sum, { id, units, cancelled }) => {
      const imported = this.#imported.has(id);
      const back = this.#imported.has(`${id}#cancelled`);
      return sum + (imported ? 0 : units) - (back ? 0 : cancelled);
    }, 0);
    return this.#book - sold;
  }

  /** What each channel should let buyers have, and does. */
  get buyable(): { account: string; shows: number; should: number }[] {
    return this.channels.map(channel => ({ account: channel.account, shows: buyable(channel), should: shownUnder(channel.rule, Math.max(0, this.free)) }));
  }

  /** What the record says beside what is so. */
  get told(): { known: number | undefined; free: number; open: [number, number][] } {
    const { stock } = this.actor;
    return { known: known(stock), free: this.free, open: this.channels.filter(c => c.gross).map(c => [openUnits(stock, c.account), c.reserved]) };
  }

  #channel({ channel }: { channel: number }): Channel {
    return this.channels[channel % this.channels.length]!;
  }

  /** The ERP takes a sale into its number, or the cancellation of a whole line. */
  #import(line: Channel['lines'][number] | undefined): void {
    if (!line) return;
    const id = !this.#imported.has(line.id) ? line.id : line.cancelled === line.units ? `${line.id}#cancelled` : undefined;
    if (id === undefined || this.#imported.has(id)) return;
    this.#imported.add(id);
    this.#book += id === line.id ? -line.units : line.units;
    this.#unheard.push(count(++this.#position, this.#book, { imported: [id] }));
  }
}

function buyable({ gross, live, reserved }: Channel): number {
  return Math.max(0, gross ? live - reserved : live);
}
