/**
 * One turn of one actor: every message that waits for it is folded in, the record is stored by one compare-and-set,
 * then its outbox is performed. R1: journal order, each exactly once. R2: nothing is performed before it is stored.
 */
import type { AnyMachineSnapshot } from 'xstate';
import type { Effect } from '../actors/effect.ts';
import type { ActorKind, ActorRecord, MessagePlace, PublishEffect } from './actor.ts';
import { recordVersion } from './actor.ts';

/** A journal message on its way into a record. */
export interface Incoming extends MessagePlace { body: unknown }

/** An actor in memory: its record as stored, and the machine's state restored from it. */
export interface Hot<C> {
  record: ActorRecord<C>;
  revision: number;
  state: AnyMachineSnapshot;
}

export function fresh<C>(kind: ActorKind<C>, key: string): Hot<C> {
  const state = kind.stepper.initial(kind.initial(key));
  const record: ActorRecord<C> = { v: recordVersion, applied: 0, at: 0, state: state.value, context: state.context as C, due: {}, outbox: [] };
  return { record, revision: 0, state };
}

export function restored<C>(kind: ActorKind<C>, stored: ActorRecord<unknown>, revision: number): Hot<C> {
  const record = stored.v === recordVersion ? (stored as ActorRecord<C>) : kind.migrate(stored);
  return { record, revision, state: kind.stepper.restore({ value: record.state, context: record.context }) };
}

/** An actor threw on a message: a bug, since bad input never reaches a machine. */
export class PoisonError extends Error {
  override readonly name = 'PoisonError';
  readonly seq: number;

  constructor(seq: number, cause: unknown) {
    super(`actor threw on message ${seq}: ${(cause as Error)?.message ?? String(cause)}`, { cause });
    this.seq = seq;
  }
}

/**
 * Folds messages in, in order; those already applied are skipped. Returns what to store, or undefined when all of
 * them were applied before. Pure: the same record and messages give the same bytes, whatever the turns were.
 *
 * @throws {PoisonError} naming the message; those before it are in `folded`, which is then still to be stored
 */
export function fold<C>(kind: ActorKind<C>, hot: Hot<C>, messages: readonly Incoming[]): { record: ActorRecord<C>; state: AnyMachineSnapshot; poison?: PoisonError } | undefined {
  let { state } = hot;
  let { applied, at } = hot.record;
  let due = hot.record.due;
  const outbox: PublishEffect[] = [];
  let poison: PoisonError | undefined;
  for (const message of messages) {
    if (message.seq <= applied) continue;
    const effects: Effect[] = [];
    const [event, rest] = arrive(kind, message, due);
    try {
      if (event) state = kind.stepper.step(state, event, effects);
    } catch (cause) {
      poison = new PoisonError(message.seq, cause);
      break;
    }
    due = rest;
    for (const effect of effects) {
      if (effect.kind === 'publish') outbox.push({ to: effect.to, id: effect.id, body: effect.body });
      else if (effect.kind === 'cancel') due = without(due, effect.id);
      else due = { ...due, [effect.id]: { at: message.at + effect.delayMs, event: effect.event } };
    }
    applied = message.seq;
    at = message.at;
  }
  if (applied === hot.record.applied) return poison ? { record: hot.record, state, poison } : undefined;
  const record = { v: recordVersion, applied, at, state: state.value, context: state.context as C, due, outbox };
  return { record, state, ...(poison && { poison }) };
}

/** A timer's message becomes its event if that timer is still in force; anything else is the actor's own. */
function arrive<C>(kind: ActorKind<C>, message: Incoming, due: ActorRecord['due']): [event: { type: string } | undefined, due: ActorRecord['due']] {
  const body = message.body as { type?: string; id?: string; at?: number };
  const { seq, at, correlation } = message;
  const place = { seq, at, correlation };
  if (body.type !== 'timer.due') return [kind.event(message.body, place), due];
  const timer = due[body.id!];
  if (timer?.at !== body.at) return [undefined, due];
  const { place: asked } = timer!.event as { place?: MessagePlace };
  return [{ ...timer!.event, place: { ...place, correlation: asked?.correlation ?? correlation } } as { type: string }, without(due, body.id!)];
}

function without<T>(map: Record<string, T>, id: string): Record<string, T> {
  const { [id]: _gone, ...rest } = map;
  return rest;
}
