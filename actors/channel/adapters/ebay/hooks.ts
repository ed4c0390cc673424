/** eBay's Notification API (ebay.md 6.3): an ECDSA signature over the raw body, under a key that its header names. */
import { createHash, verify } from 'node:crypto';
import { z } from 'zod';
import { jsonOf } from '../../hook.ts';
import type { ChannelHooks } from '../../hook.ts';

const signatureSchema = z.object({ alg: z.string(), kid: z.string(), signature: z.string().min(1), digest: z.string() });
/** The id comes from the sender and becomes part of a URL. */
const keyId = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const digests: Record<string, string> = { SHA1: 'sha1', SHA256: 'sha256' };

const envelope = z.object({
  metadata: z.object({ topic: z.string() }),
  notification: z.object({ notificationId: z.string().min(1), data: z.looseObject({}) }),
});
const order = z.object({ order: z.object({ orderId: z.string() }) });

export const ebayHooks: ChannelHooks = {
  by: 'http',
  status: 204,
  answerWithinMs: 3_000,
  wants: ['verificationToken', 'endpoint'],
  async verify({ headers, body }, { keyOf }) {
    const given = headers['x-ebay-signature'];
    if (given === undefined) return { refused: 'X-EBAY-SIGNATURE: a signature is wanted' };
    const parsed = signatureSchema.safeParse(jsonOf(Buffer.from(given, 'base64')));
    if (!parsed.success || !keyId.test(parsed.data.kid)) return { refused: 'X-EBAY-SIGNATURE: is no signature of eBay\'s form' };
    const key = await keyOf?.(parsed.data.kid);
    const digest = digests[key?.digest ?? ''];
    // One word for a key that is none and a signature that is none: the sender learns nothing.
    const holds = key !== undefined && digest !== undefined && holdsUnder(pemOf(key.pem), digest, body, parsed.data.signature);
    return holds ? undefined : { refused: 'X-EBAY-SIGNATURE: the signature does not fit the body' };
  },
  read({ body }) {
    const parsed = envelope.safeParse(jsonOf(body));
    if (!parsed.success) return { refused: `body: ${parsed.error.issues[0]!.path.join('.') || 'a notification'} is wanted` };
    const { metadata: { topic }, notification: { notificationId: id, data } } = parsed.data;
    // Order events name listings by an id that the Inventory API does not know (6.3): the poll tells the SKU.
    return { id, topic, orders: order.safeParse(data).success || /^(ORDER|ITEM_MARKED_SHIPPED)/.test(topic), listings: [] };
  },
  challenge: (code, { verificationToken = '', endpoint = '' }) => ({
    challengeResponse: createHash('sha256').update(code).update(verificationToken).update(endpoint).digest('hex'),
  }),
};

function holdsUnder(pem: string, digest: string, body: Uint8Array, signature: string): boolean {
  try {
    return verify(digest, body, pem, Buffer.from(signature, 'base64'));
  } catch {
    return false;
  }
}

/** eBay's PEM is one line, which no reader of PEM takes. */
function pemOf(oneLine: string): string {
  const base64 = oneLine.replaceAll(/-----(BEGIN|END) PUBLIC KEY-----|\s/g, '');
  return `-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`;
}
