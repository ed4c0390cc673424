/** Notifications that nobody took within the vendor's hour of tries: it keeps them for two days, by topic (mercadolibre.md 6.3). */
import { z } from 'zod';
import type { AccountSettings, Call, MissedPage } from '../../adapter.ts';
import { TerminalError } from '../../../errors.ts';
import type { Notice } from '../../hook.ts';
import type { Ask } from '../http.ts';
import type { Api } from './api.ts';
import { mustSucceed, shaped } from './errors.ts';
import { mercadolibreHooks } from './hooks.ts';

/** What orders and listings are told by; one page of the vendor's writes the last one in the other way. */
const topics = ['orders_v2', 'items', 'stock-location', 'stock_locations'];
/** The vendor's own number; no other is documented to be taken. */
const pageSize = 10;

const answer = z.object({ messages: z.array(z.unknown()) });
const cursorOf = /^([0-3]):(\d{1,9})$/;

export async function missed(account: AccountSettings, api: Api, cursor: string | undefined, call: Call): Promise<MissedPage> {
  const [, at, from] = cursorOf.exec(cursor ?? '0:0') ?? [];
  if (at === undefined) throw new TerminalError(`missed notifications: no cursor of ours: ${JSON.stringify(cursor)}`, { code: 'cursor' });
  const [topic, offset] = [Number(at), Number(from)];
  const query = new URLSearchParams({ app_id: account.credentials['clientId']!, topic: topics[topic]!, offset: String(offset), limit: String(pageSize) });
  const ask: Ask = { method: 'GET', path: `/missed_feeds?${query}` };
  const told = await api.ask(ask, call);
  mustSucceed(told, ask);
  const { messages } = shaped(answer, told, ask);
  const notices: Notice[] = [];
  for (const message of messages) {
    // Those of other sellers of the application are among them, and what is no notification is passed over.
    const hook = { headers: {}, body: Buffer.from(JSON.stringify(message)) };
    if (await mercadolibreHooks.verify(hook, { account, settings: {} })) continue;
    const notice = mercadolibreHooks.read(hook, { account, settings: {} });
    if (!('refused' in notice)) notices.push(notice);
  }
  // One order is enough for a poll, which finds the others.
  const isOver = messages.length < pageSize || notices.some(({ orders }) => orders);
  const next = isOver ? { topic: topic + 1, offset: 0 } : { topic, offset: offset + pageSize };
  return { notices, ...(next.topic < topics.length && { cursor: `${next.topic}:${next.offset}` }) };
}
