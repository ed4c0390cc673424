/** What people may press: checked, and asked of whoever owns it over NATS. Each is journaled there with who did it. */
import { RequestError } from 'nats';
import type { NatsConnection } from 'nats';
import { z } from 'zod';
import { deadControl } from '../../runtime/dead/keeper.ts';
import type { DeadRequest } from '../../runtime/dead/keeper.ts';
import { escapeKey } from '../../runtime/subjects.ts';
import type { Action, ActionAnswer } from './protocol.ts';

const withinMs = 60_000;

/** A word of a command: what is behind it is told to people as it is. */
const by = z.string().trim().min(1, 'who does it?').max(80).regex(/^[^\p{Cc}]*$/u, 'one line of text');
const name = z.string().min(1).max(200);
const move = z.enum(['zero', 'raise']);

const actionSchema = z.discriminatedUnion('verb', [
  z.strictObject({ verb: z.literal('retry'), task: name, by }),
  z.strictObject({ verb: z.literal('dismiss'), task: name, reason: z.string().trim().min(1, 'a dismissal needs a reason').max(500), by }),
  ...(['release', 'drop'] as const).map(verb => z.strictObject({ verb: z.literal(verb), account: name, move, by })),
  ...(['freeze', 'drain', 'resume'] as const).map(verb => z.strictObject({ verb: z.literal(verb), account: name, by })),
  z.strictObject({ verb: z.literal('write'), account: name, sku: name, by }),
]);

/** What was sent is none; the message names field and value. */
export class ActionError extends Error {
  override readonly name = 'ActionError';
}

/** @throws {ActionError} */
export function readAction(body: unknown): Action {
  const read = actionSchema.safeParse(body);
  if (!read.success) throw new ActionError(read.error.issues.map(({ path, message }) => `${path.join('.') || 'action'}: ${message}`).join('; '));
  return read.data as Action;
}

/** Does it, or says why not; never throws. */
export async function act(nc: NatsConnection, action: Action): Promise<ActionAnswer> {
  switch (action.verb) {
    case 'retry':
    case 'dismiss':
      return dead(nc, { verb: action.verb, tasks: [action.task], by: action.by, ...(action.verb === 'dismiss' && { reason: action.reason }) });
    case 'release':
    case 'drop': {
      const answer = await account<{ listings: number }>(nc, action.account, `${action.verb} ${action.move} ${action.by}`);
      if ('said' in answer) return answer;
      return { ok: true, said: `${action.verb === 'drop' ? 'dropped' : 'released'} ${answer.listings} listings at ${action.account}` };
    }
    case 'freeze':
    case 'drain':
    case 'resume': {
      const answer = await account<{ state: string; listings?: number }>(nc, action.account, `${action.verb} ${action.by}`);
      if ('said' in answer) return answer;
      return { ok: true, said: `${action.account} is ${answer.state}${answer.listings ? `, ${answer.listings} listings are ${action.verb === 'drain' ? 'emptied' : 'filled again'}` : ''}` };
    }
    case 'write': {
      const answer = await account<{ message: string }>(nc, action.account, `retry ${action.sku}`);
      return 'said' in answer ? answer : { ok: true, said: answer.message };
    }
  }
}

async function dead(nc: NatsConnection, request: DeadRequest): Promise<ActionAnswer> {
  const answer = await asked<{ ok: boolean; error?: string; done?: { did?: string; error?: string }[] }>(nc, deadControl, JSON.stringify(request), 'the dead letters');
  if ('said' in answer) return answer;
  const one = answer.done?.[0];
  return { ok: answer.ok, said: answer.error ?? one?.error ?? one?.did ?? 'done' };
}

async function account<T extends object>(nc: NatsConnection, name: string, command: string): Promise<T | ActionAnswer> {
  const answer = await asked<{ ok: true } & T | { ok: false; error: string }>(nc, `control.channel.${escapeKey(name)}`, command, name);
  if ('said' in answer) return answer as ActionAnswer;
  return answer.ok ? answer : { ok: false, said: `${name}: ${answer.error}` };
}

async function asked<T extends object>(nc: NatsConnection, subject: string, body: string, whose: string): Promise<T | ActionAnswer> {
  try {
    return (await nc.request(subject, body, { timeout: withinMs })).json<T>();
  } catch (error) {
    const nobody = error instanceof RequestError && error.isNoResponders();
    return { ok: false, said: nobody ? `no node owns ${whose} now: try again in a moment` : `${whose}: ${(error as Error).message}` };
  }
}
