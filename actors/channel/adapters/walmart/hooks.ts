/**
 * Walmart's webhooks (walmart.md 6.3), subscribed to with any of its three ways to prove who sends: an HMAC of the body,
 * a name and password, or a token that Walmart has fetched from us before.
 */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { jsonOf, same } from '../../hook.ts';
import type { ChannelHooks, Hook, HookSettings, Refused } from '../../hook.ts';

const envelope = z.object({
  source: z.object({ eventType: z.string(), eventId: z.string().min(1) }),
  payload: z.looseObject({ sku: z.string().optional(), orderLines: z.array(z.looseObject({ sku: z.string().optional() })).optional() }),
});

/** A token's life, seconds. */
const tokenS = 3_600;

export const walmartHooks: ChannelHooks = {
  by: 'http',
  status: 200,
  answerWithinMs: 3_000,
  wants: ['header'],
  async verify(hook, { account, settings }) {
    const given = headerOf(hook, settings);
    switch (settings.method ?? 'HMAC') {
      case 'HMAC': return given === undefined ? { refused: `${settings.header}: a signature is wanted` } : signed(given, hook, settings, account.credentials['clientSecret']!);
      case 'BASIC_AUTH': return isPair(given, settings) ? undefined : { refused: `${settings.header}: name and password do not fit` };
      case 'OAUTH': return isToken(given, hook.at, account.account, settings) ? undefined : { refused: `${settings.header}: a token of ours that has not ended is wanted` };
    }
  },
  read({ body }) {
    const parsed = envelope.safeParse(jsonOf(body));
    if (!parsed.success) return { refused: `body: ${parsed.error.issues[0]!.path.join('.') || 'an event'} is wanted` };
    const { source: { eventType, eventId }, payload } = parsed.data;
    // Our listings are named by their SKU. A sale changes what can be bought, not what we wrote: both are looked at.
    const skus = [payload.sku, ...(payload.orderLines ?? []).map(line => line.sku)].filter(sku => sku !== undefined);
    return { id: eventId, topic: eventType, orders: /^(PO_|ORDER)/.test(eventType), listings: [...new Set(skus)] };
  },
  /** "POST to authUrl with grant_type=client_credentials", the pair in the header that was registered. */
  token(hook, { account, settings }) {
    if (settings.method !== 'OAUTH') return undefined;
    if (!isPair(headerOf(hook, settings), settings)) return { refused: `${settings.header}: client id and secret do not fit` };
    const grant = new URLSearchParams(Buffer.from(hook.body).toString()).get('grant_type');
    if (grant !== 'client_credentials') return { refused: `grant_type: client_credentials is wanted, got ${JSON.stringify(grant)}` };
    const ends = Math.floor((hook.at ?? 0) / 1_000) + tokenS;
    return { access_token: tokenOf(ends, account.account, settings), token_type: 'Bearer', expires_in: tokenS };
  },
};

function headerOf({ headers }: Hook, { header }: HookSettings): string | undefined {
  return headers[header!.toLowerCase()];
}

/** Whether hex or base64 is written is not stated: either is taken. */
function signed(given: string, { body }: Hook, { header }: HookSettings, secret: string): Refused | undefined {
  const wanted = createHmac('sha256', secret).update(body).digest();
  const fits = [same(wanted.toString('hex'), given.toLowerCase()), same(wanted.toString('base64'), given)].includes(true);
  return fits ? undefined : { refused: `${header}: the signature does not fit the body` };
}

/** "Value as BASE64 encoding"; whether `Basic` stands before it is not stated. */
function isPair(given: string | undefined, { user, password }: HookSettings): boolean {
  return given !== undefined && user !== undefined && password !== undefined && same(Buffer.from(`${user}:${password}`).toString('base64'), given.replace(/^Basic /i, ''));
}

function isToken(given: string | undefined, at: number | undefined, account: string, settings: HookSettings): boolean {
  const [, token, ends] = /^Bearer ((\d{1,12})\.[A-Za-z0-9_-]+)$/i.exec(given ?? '') ?? [];
  return token !== undefined && same(tokenOf(Number(ends), account, settings), token) && at !== undefined && at < Number(ends) * 1_000;
}

/** Its end and a signature of that: whichever node gave it, each of them knows it, and none has to keep it. */
function tokenOf(ends: number, account: string, { password }: HookSettings): string {
  return `${ends}.${createHmac('sha256', password!).update(`plumb-hook-token/${account}/${ends}`).digest('base64url')}`;
}
