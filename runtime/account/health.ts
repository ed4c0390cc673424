/** The health of one account: its machine stepped, its timers kept, its tasks told. */
import type { Logger } from 'pino';
import type { AnyMachineSnapshot } from 'xstate';
import { createChannelMachine } from '../../actors/channel/machine.ts';
import type { ChannelTimes } from '../../actors/channel/machine.ts';
import type { ChannelEvent, ChannelHealth } from '../../actors/channel/protocol.ts';
import type { Effect } from '../../actors/effect.ts';
import type { PublishEffect } from '../actor.ts';
import { stepper } from '../step.ts';
import type { Stepper } from '../step.ts';
import { Timers } from '../timers.ts';

export interface HealthPorts {
  account: string;
  times: ChannelTimes;
  log: Logger;
  /** Tells people; must not be lost. */
  publish(effect: PublishEffect): void;
  onChange(): void;
  /** A grant that was dead has been seen alive; or any grant, for the first time: a former owner may have told of it and stored nothing. */
  onAuthorised(): void;
}

export class Health {
  readonly #ports: HealthPorts;
  readonly #machine: Stepper<ChannelHealth>;
  readonly #timers = new Timers<{ id: string; at: number; event: ChannelEvent }>(timer => this.#fire(timer));
  /** Due times in force, by id. */
  readonly #due = new Map<string, number>();
  #state: AnyMachineSnapshot;
  #wasAnswered = false;
  /** A state that a call which succeeded has not moved: the next one does not either. */
  #unmoved: AnyMachineSnapshot | undefined;

  /** @param left what the former owner's record says */
  constructor(ports: HealthPorts, left?: { state: unknown; health: ChannelHealth }) {
    this.#ports = ports;
    this.#machine = stepper<ChannelHealth>(createChannelMachine(ports.account, ports.times));
    this.#state = left ? this.#machine.restore({ value: left.state, context: left.health }) : this.#machine.initial({ failures: 0 });
    // Timers of the former owner are not known: a state that waits looks again at once.
    if (this.state === 'resting' || this.state === 'unauthorised') this.tell({ type: 'rest.over' });
  }

  get state(): string {
    return this.#state.value as string;
  }

  get context(): ChannelHealth {
    return this.#state.context as ChannelHealth;
  }

  get mayWrite(): boolean {
    return this.#state.hasTag('write');
  }

  get mayRead(): boolean {
    return this.#state.hasTag('read');
  }

  /** Only one call at a time may go. */
  get isTrying(): boolean {
    return this.#state.hasTag('one');
  }

  tell(event: ChannelEvent): void {
    const isSuccess = event.type === 'call.succeeded';
    if (isSuccess && this.#state === this.#unmoved) return;
    const { account, log, publish, onChange, onAuthorised } = this.#ports;
    const effects: Effect[] = [];
    const before = this.state;
    const { unauthorised } = this.context;
    const after = this.#machine.step(this.#state, event, effects);
    if (isSuccess && after === this.#state && effects.length === 0) this.#unmoved = after;
    this.#state = after;
    for (const effect of effects) {
      if (effect.kind === 'cancel') this.#due.delete(effect.id);
      else if (effect.kind === 'publish') publish({ to: effect.to, id: effect.id, body: effect.body });
      else this.#schedule(effect.id, Date.now() + effect.delayMs, effect.event as ChannelEvent);
    }
    const isFirst = isSuccess && !this.#wasAnswered;
    if (isFirst) this.#wasAnswered = true;
    if ((unauthorised || isFirst) && !this.context.unauthorised) onAuthorised();
    if (this.state === before) return;
    log.warn({ account, from: before, to: this.state, reason: this.context.reason }, 'channel account changed state');
    onChange();
  }

  close(): void {
    this.#timers.close();
    this.#due.clear();
  }

  #schedule(id: string, at: number, event: ChannelEvent): void {
    this.#due.set(id, at);
    this.#timers.add(at, { id, at, event });
  }

  #fire({ id, at, event }: { id: string; at: number; event: ChannelEvent }): void {
    // One that was cancelled or replaced says nothing.
    if (this.#due.get(id) !== at) return;
    this.#due.delete(id);
    this.tell(event);
  }
}
