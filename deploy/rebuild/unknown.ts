/** What a rebuild could not know, for people: as lines of a table, and in plain sentences. Pure. */
import type { Stock } from '../../actors/sku/protocol.ts';
import type { AccountListings } from './listings.ts';
import type { SkuToTell } from './tell.ts';

export interface Unknown {
  what: 'differs' | 'new' | 'not-listed' | 'unread' | 'stuck' | 'no-key';
  account: string;
  sku: string;
  detail: string;
}

export interface Span { from: number; to: number }

/** @param skus with what the archive knows of them, where it was asked */
export function unknownOf(skus: readonly SkuToTell[], accounts: readonly AccountListings[], stuck: readonly { sku: string; seq: number; error: string }[], fromArchive: boolean): Unknown[] {
  const unread = new Map(accounts.filter(({ failed }) => failed !== undefined).map(({ account, failed }) => [account, failed!]));
  const all: Unknown[] = [...unread].map(([account, failed]) => ({ what: 'unread', account, sku: '', detail: `its listings could not be read: ${failed}; import it when it answers (nats req control.channel.${account} import)` }));
  all.push(...stuck.map(({ sku, seq, error }): Unknown => ({ what: 'stuck', account: '', sku, detail: `its journal is folded up to message ${seq} and not on: ${error}` })));
  if (!fromArchive) return all;
  for (const { sku, known, linked } of skus) {
    if (!known) {
      all.push(...linked.map(({ account, quantity }): Unknown => ({ what: 'new', account, sku, detail: `listed and shows ${quantity}; the archive does not know the SKU` })));
      continue;
    }
    for (const { account, quantity } of linked) {
      const expected = shownBy(known.stock, account);
      if (expected !== undefined && expected !== quantity) all.push({ what: 'differs', account, sku, detail: `shows ${quantity}, and ${expected} by the archive: what happened between is gone` });
    }
    for (const account of Object.keys(known.stock.outlets)) {
      if (!linked.some(each => each.account === account) && !unread.has(account)) all.push({ what: 'not-listed', account, sku, detail: 'linked by the archive, and its channel does not list it' });
    }
  }
  return all;
}

function shownBy({ outlets }: Stock, account: string): number | undefined {
  const { shown, intent } = outlets[account] ?? {};
  return shown ?? intent?.quantity;
}

/** @param tail time between the last fact that is known and the loss; undefined without an archive */
export function sentences(tail: Span | undefined, { thrownAway }: { thrownAway: number }): string[] {
  const seconds = tail && Math.max(0, Math.round((tail.to - tail.from) / 1_000));
  return [
    ...tail
      ? [
        `everything between ${new Date(tail.from).toISOString()}, the last fact that is archived, and the loss (${seconds} s at most): changes of stock, rules that people set, writes and what became of them`,
        'orders of that time are read again from the channels as far back as each adapter looks',
      ]
      : [
        'rules that people set (plumb rules import from the last export), modes that they pinned, kits',
        'order lines that are older than each adapter looks back and not in the source\'s number: they are taken for sold and counted',
        'what was frozen, drained or held, open tasks, journals and calls of before',
      ],
    'stages that people set (plumb golive, plumb shadow): each account begins where its configuration says (accounts[].stage); set that before nodes start',
    'numbers of sources since: a full count of each is wanted (docs/rebuild.md)',
    ...thrownAway > 0 ? [`${thrownAway} messages of sources that came since the loss were thrown away with the broker's streams: they are to be sent again`] : [],
  ];
}

export function csvOf(unknown: readonly Unknown[]): string {
  const cell = (text: string): string => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return ['what,account,sku,detail', ...unknown.map(({ what, account, sku, detail }) => [what, account, sku, detail].map(cell).join(','))].map(line => `${line}\n`).join('');
}
