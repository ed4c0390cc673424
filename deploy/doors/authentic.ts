/** Whether a webhook comes from who it says: a bearer token, or an HMAC over the raw body. Compared in constant time. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { HmacAuth, HttpSource } from '../../config/doors.ts';

/** Why a message is not taken, for the sender; undefined when it is authentic. Never tells what would be right. */
export function refusalOf(auth: HttpSource['auth'], headers: IncomingHttpHeaders, body: Uint8Array, now: number): string | undefined {
  if (auth.type === 'hmac') return hmacRefusal(auth, headers, body, now);
  return tokenRefusal(auth.tokens, headers.authorization);
}

/** A token can be checked before the body is read. */
export function tokenRefusal(tokens: readonly string[], authorization: string | undefined): string | undefined {
  const [, token] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? [];
  if (token === undefined) return 'Authorization: a bearer token is wanted';
  return anyOf(tokens, expected => same(expected, token)) ? undefined : 'Authorization: the bearer token is not valid';
}

function hmacRefusal({ header, prefix, encoding, algorithm, secrets, signs, timestamp }: HmacAuth, headers: IncomingHttpHeaders, body: Uint8Array, now: number): string | undefined {
  const given = single(headers[header]);
  if (given === undefined) return `${header}: a signature is wanted`;
  if (!given.startsWith(prefix)) return `${header}: the signature must begin with ${JSON.stringify(prefix)}`;
  let text = '';
  if (timestamp) {
    text = single(headers[timestamp.header]) ?? '';
    const at = timeOf(text, timestamp.unit);
    if (Number.isNaN(at)) return `${timestamp.header}: a timestamp is wanted, got ${JSON.stringify(text.slice(0, 40))}`;
    if (Math.abs(now - at) > timestamp.toleranceMs) return `${timestamp.header}: the message was signed ${Math.round(Math.abs(now - at) / 1_000)} s ${at < now ? 'ago' : 'ahead'}, ${timestamp.toleranceMs / 1_000} s at most`;
  }
  const [before, after] = signs.replaceAll('{timestamp}', () => text).split('{body}') as [string, string];
  const signature = given.slice(prefix.length);
  const right = anyOf(secrets, key => {
    const wanted = createHmac(algorithm, key).update(before).update(body).update(after).digest(encoding);
    return same(wanted, encoding === 'hex' ? signature.toLowerCase() : signature);
  });
  return right ? undefined : `${header}: the signature does not fit the body`;
}

/** Looks at all, so that time does not tell which one fitted. */
function anyOf(all: readonly string[], holds: (one: string) => boolean): boolean {
  return all.map(holds).includes(true);
}

/** By digests: their length is the same whatever was sent. */
function same(wanted: string, given: string): boolean {
  const fixed = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(fixed(wanted), fixed(given));
}

/** Two headers of one name would let the sender choose which one is looked at. */
function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Epoch ms; NaN when it is none. */
function timeOf(text: string, unit: 's' | 'ms' | 'iso'): number {
  if (unit === 'iso') return Date.parse(text);
  return /^\d{1,16}$/.test(text) ? Number(text) * (unit === 's' ? 1_000 : 1) : NaN;
}
