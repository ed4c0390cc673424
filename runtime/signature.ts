/** Job signatures: who decided what, where in the journal, as one short readable name. */
import { hash } from 'node:crypto';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Crockford base32 of the first 15 bytes of a SHA-256: 24 characters, no look-alikes. */
export function digest(...parts: readonly (string | number)[]): string {
  const bytes = hash('sha256', JSON.stringify(parts), 'buffer');
  let bits = 0n;
  for (let i = 0; i < 15; i++) bits = (bits << 8n) | BigInt(bytes[i]!);
  let text = '';
  for (let i = 0; i < 24; i++, bits >>= 5n) text = alphabet[Number(bits & 31n)]! + text;
  return text;
}

const prefixes: Record<string, string> = { amazon: 'amz', walmart: 'wmt', shopify: 'shp', mercadolibre: 'mel', ebay: 'eby' };

/**
 * Signs an intended write, e.g. `amz-7Q4K…`. Rules are facts of the same journal, so the position names their
 * version too: the same inputs give the same signature on any node and on replay.
 *
 * @param channelOf the channel of an account, for the readable prefix
 */
export function signer(channelOf: (account: string) => string | undefined) {
  return ({ account, listing, sku, version, kind }: { account: string; listing: string; sku: string; version: number; kind: string }): string => {
    const channel = channelOf(account) ?? account;
    return `${prefixes[channel] ?? channel.slice(0, 3)}-${digest(account, listing, sku, version, kind)}`;
  };
}
