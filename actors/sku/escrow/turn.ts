/** Where escrow begins and ends around what a fact makes of a SKU (P13), and what its ledger has to say then. Pure. */
import { decide } from '../debounce.ts';
import type { Mode } from '../exposure/record.ts';
import type { Learnt } from '../learn.ts';
import type { SkuPorts } from '../ports.ts';
import type { Place, SkuFact, Stock } from '../protocol.ts';
import { follow } from './follow.ts';
import type { Exposed, Followed } from './follow.ts';
import { entered, left, reasonToMirror, wantedMode } from './mode.ts';
import { messagesOf } from './says.ts';

/** Most SKUs mirror, and for them there is nothing to do. */
export function mayExpose(stock: Stock, { type }: SkuFact, ports: SkuPorts): boolean {
  return stock.exposure !== undefined || type === 'mode.set' || type === 'mode.chosen' || wantedMode(stock, ports.exposure) === 'escrow';
}

/**
 * Tells the ledger of a fact, in whatever mode that leaves the SKU.
 *
 * @param take folds the fact in; writes nothing to channels while the stock has a ledger
 */
export function exposing(stock: Stock, fact: SkuFact, place: Place, ports: SkuPorts, take: (stock: Stock) => Learnt): Learnt {
  const asked = fact.type === 'mode.set' ? withMode(stock, fact.mode) : stock;
  const wanted = fact.type === 'mode.chosen' && (stock.mode ?? ports.exposure?.mode) === 'auto' ? fact.mode : wantedMode(asked, ports.exposure);
  const why = fact.type === 'mode.chosen' ? fact.why : 'pinned';
  const enters = !asked.exposure && wanted === 'escrow' && reasonToMirror(asked) === undefined;
  const begun = enters ? entered(asked, why, place, ports.exposure) : { stock: asked, says: [] };
  const learnt = take(begun.stock);
  if (!isExposed(learnt.stock) || !isExposed(begun.stock)) return learnt;
  if (wanted === 'mirror' || reasonToMirror(learnt.stock) !== undefined) {
    const { shortfall } = learnt.stock.exposure;
    const { stock: mirroring, says } = left(learnt.stock);
    const decision = decide(mirroring, place, ports.sign, ports.debounce);
    return { ...learnt, ...decision, says: [...learnt.says ?? [], ...messagesOf(stock.sku, says, place, shortfall?.openedAt)], unexpose: true };
  }
  const followed = follow(begun.stock, learnt.stock, fact, place, ports.exposure, ports.sign);
  return { ...learnt, ...exposed({ ...followed, says: [...begun.says, ...followed.says] }, learnt, place), ...(enters && { rest: true }) };
}

/** Nothing was told, and something is due. */
export function lookedAt(stock: Stock, place: Place, { exposure, sign }: SkuPorts): Learnt {
  if (!isExposed(stock)) return { stock };
  return exposed(follow(stock, stock, undefined, place, exposure, sign), { stock }, place);
}

function exposed({ stock, says, dueAfterMs, undue }: Followed, learnt: Learnt, place: Place): Learnt {
  const messages = messagesOf(stock.sku, says, place, stock.exposure.shortfall?.openedAt);
  return {
    stock,
    ...(messages.length > 0 && { says: [...learnt.says ?? [], ...messages] }),
    ...(dueAfterMs !== undefined && { exposeAfterMs: dueAfterMs }),
    ...(undue && { unexpose: true as const }),
  };
}

function withMode({ mode: _former, ...stock }: Stock, mode: Mode | undefined): Stock {
  return mode === undefined ? stock : { ...stock, mode };
}

function isExposed(stock: Stock): stock is Exposed {
  return stock.exposure !== undefined;
}
