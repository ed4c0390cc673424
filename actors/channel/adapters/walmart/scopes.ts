/** What the account's key may do (walmart.md 1, scopes): inventory in full, orders and feeds at least to be looked at. */
import { z } from 'zod';
import type { AccountCheck, Call } from '../../adapter.ts';
import { RetryableError } from '../../../errors.ts';
import type { Ask } from '../http.ts';
import { ok } from './client.ts';
import type { Client } from './client.ts';
import { judge } from './errors.ts';

export const scopesLimit = 'getTokenDetail';

const levels = ['no_access', 'view_only', 'full_access'];
const detail = z.object({ scopes: z.record(z.string(), z.string()) });

export async function checkScopes(client: Client, feeds: boolean, call: Call): Promise<AccountCheck[]> {
  const ask: Ask = { method: 'GET', path: '/v3/token/detail' };
  const reply = await client.ask(scopesLimit, ask, call);
  if (!ok(reply.answer)) throw client.failure(judge(reply.answer), ask, reply);
  const parsed = detail.safeParse(reply.answer.json);
  if (!parsed.success) throw new RetryableError(`GET ${ask.path}: answer not understood: ${z.prettifyError(parsed.error)}`, { status: reply.answer.status, requestId: reply.requestId });
  const wanted = { inventory: 'full_access', orders: 'view_only', ...(feeds && { feeds: 'full_access' }) };
  return Object.entries(wanted).map(([scope, level]): AccountCheck => {
    const given = parsed.data.scopes[scope] ?? 'no_access';
    const isEnough = levels.indexOf(given) >= levels.indexOf(level);
    return { name: `scope ${scope}`, ok: isEnough, told: isEnough ? given : `${given}, and ${level} is wanted: the key's permissions in the developer portal` };
  });
}
