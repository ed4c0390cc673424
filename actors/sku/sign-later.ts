/**
 * Signs the intents that are left when several facts have been folded, and none of those that newer ones took the
 * place of. Pure as a whole: the same facts give the same signatures as signing each at once.
 */
import type { Sign } from './debounce.ts';
import type { Outlet, Stock } from './protocol.ts';

export interface SignLater {
  /** Gives a mark to be signed. */
  sign: Sign;
  /** Puts the signatures in the place of marks. */
  signed(stock: Stock): Stock;
}

/** No signature begins like this. */
const mark = '\0';

export function signLater(sign: Sign): SignLater {
  const asked: Parameters<Sign>[0][] = [];
  const signatureOf = (marked: string): string => sign(asked[Number(marked.slice(mark.length))]!);
  return {
    sign: parts => `${mark}${asked.push(parts) - 1}`,
    signed(stock) {
      if (asked.length === 0) return stock;
      let outlets: Record<string, Outlet> | undefined;
      for (const [account, outlet] of Object.entries(stock.outlets)) {
        const { intent } = outlet;
        if (!intent?.signature.startsWith(mark)) continue;
        outlets ??= { ...stock.outlets };
        outlets[account] = { ...outlet, intent: { ...intent, signature: signatureOf(intent.signature) } };
      }
      const next = outlets ? { ...stock, outlets } : stock;
      const { exposure } = stock;
      if (!exposure) return next;
      const cells = Object.fromEntries(Object.entries(exposure.cells).map(([account, cell]) => {
        const { intent } = cell;
        return [account, intent?.id.startsWith(mark) ? { ...cell, intent: { ...intent, id: signatureOf(intent.id) } } : cell];
      }));
      return { ...next, exposure: { ...exposure, cells } };
    },
  };
}
