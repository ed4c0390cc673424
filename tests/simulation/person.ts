/** Somebody who looks after the batches that accounts hold: lets them go, or drops some, as long as things happen. */
import type { Move } from '../../actors/channel/governor.ts';
import type { AccountRecord } from '../../actors/channel/protocol.ts';
import { Dice } from '../../deploy/demo/dice.ts';
import { channelRecord } from '../../runtime/subjects.ts';
import type { Broker } from './broker/server.ts';
import type { Machine } from './machine.ts';

/** Any listing that goes to zero, or rises, without an order is one too many. */
export const strict = { windowMs: 8_000, zero: { share: 0, least: 0 }, raise: { share: 0, least: 0 } };

const looksEveryMs = [2_000, 12_000] as const;

export class Person {
  /** From now on everything is let go. */
  isHasty = false;
  /** He asks nothing any more. */
  isAway = false;
  readonly #machine: Machine;
  readonly #broker: Broker;
  readonly #dice: Dice;

  constructor(machine: Machine, broker: Broker, seed: number) {
    this.#machine = machine;
    this.#broker = broker;
    this.#dice = new Dice(seed, 'person');
  }

  watch(account: string): void {
    const [least, most] = looksEveryMs;
    this.#machine.after(this.isHasty ? least : this.#dice.between(least, most), this.#machine.outside, () => {
      if (this.isAway) return;
      if (this.#broker.isUp) for (const move of this.held(account)) this.#decide(account, move);
      this.watch(account);
    });
  }

  /** As the account's record has it: what is held may be nothing any more, and is still to be decided on. */
  held(account: string): Set<Move> {
    const record = this.#broker.streams.get('KV_channel')?.last(channelRecord.state(account));
    const { governor } = record ? JSON.parse(record.data.toString()) as AccountRecord : {};
    return new Set(Object.keys(governor?.held ?? {}).map(key => key.split(' ')[0] as Move));
  }

  #decide(account: string, move: Move): void {
    const how = !this.isHasty && this.#dice.chance(0.2) ? 'drop' : 'release';
    this.#broker.request(`control.channel.${account}`, `${how} ${move} person`, () => {});
  }
}
