/** Compares what the store holds with the plain fold, SKU by SKU. */
import type { Stock } from '../../actors/sku/protocol.ts';
import type { PlainFold } from './workload.ts';
import { accounts, available, targetsOf } from './workload.ts';

/** One line for each SKU that did not end as it must: applied state, chain value, and every channel proven. */
export function differences(fold: PlainFold, records: ReadonlyMap<string, Stock>): string[] {
  const wrong: string[] = [];
  for (const [sku, state] of fold.skus) {
    const stock = records.get(sku);
    const is = stock && [stock.position, stock.onHand, stock.reserved, stock.chain, ...accounts.map(({ account }) => confirmed(stock, account))];
    const must = [state.seq, state.onHand, state.reserved, state.h, ...targetsOf(available(state))];
    if (String(is) !== String(must)) wrong.push(`${sku}: is ${JSON.stringify(is)}, must be ${JSON.stringify(must)}`);
  }
  return wrong;
}

/** What the channel proved to show; undefined while the newest intention is not proven. */
export function confirmed(stock: Stock, account: string): number | undefined {
  const { intent, proof } = stock.outlets[account] ?? {};
  return intent && proof?.version === intent.version ? proof.quantity : undefined;
}
