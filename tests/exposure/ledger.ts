/** A ledger told fact by fact, for tests of single rules. */
import { emptyLedger, free, known } from '../../actors/sku/exposure/ledger.ts';
import type { Kind, Ledger, Terms } from '../../actors/sku/exposure/ledger.ts';
import type { Said } from '../../actors/sku/exposure/said.ts';
import { apply } from '../../actors/sku/exposure.ts';
import type { ExposureFact } from '../../actors/sku/exposure.ts';

export const second = 1_000;
export const minute = 60 * second;

export const termsOf = (kind: Kind, more: Partial<Terms> = {}): Terms => ({
  kind, sendMs: 5 * second, lifeMs: minute, answerMs: 10 * second, holdMs: 0, staleMs: 10 * minute, leakMs: 20 * minute, marginMs: 2 * second, cap: 100,
  ...((kind === 'swap' || kind === 'delta') && { keyMs: 10 * minute }), ...more,
});

export type Step = [at: number, fact: ExposureFact];

export interface Told { ledger: Ledger; says: Said[]; withheld: string[] }

/** Facts at their times, from an empty ledger in escrow or from another. */
export function told(steps: readonly Step[], from: Ledger = emptyLedger('escrow')): Told {
  const all: Told = { ledger: from, says: [], withheld: [] };
  for (const [at, fact] of steps) {
    const { ledger, says, withheld } = apply(all.ledger, fact, at);
    all.ledger = ledger;
    all.says.push(...says);
    if (withheld !== undefined) all.withheld.push(withheld);
  }
  return all;
}

export const link = (cell: string, terms: Terms, mayShow = 0): ExposureFact => ({ type: 'cell.linked', cell, terms, mayShow });
export const count = (version: number, quantity: number, ...imported: string[]): ExposureFact => ({ type: 'stock.counted', version, quantity, imported });
export const sale = (line: string, cell: string, units = 1, createdAt = 0): ExposureFact => ({ type: 'order.line', line, cell, units, cancelled: 0, createdAt });
export const cancel = (line: string, cell: string, units = 1, createdAt = 0): ExposureFact => ({ type: 'order.line', line, cell, units, cancelled: units, createdAt });
export const complete = (cell: string, through: number): ExposureFact => ({ type: 'orders.complete', cell, through });
export const intend = (cell: string, id: string, to: number, more: { from?: number; version?: string } = {}): ExposureFact => ({ type: 'write.intended', cell, id, to, ...more });
export const answer = (cell: string, id: string, outcome: 'applied' | 'accepted' | 'refused', more: { after?: number; sold?: number; version?: string } = {}): ExposureFact =>
  ({ type: 'write.answered', cell, id, outcome, ...more });
export const read = (cell: string, value: number, at: number, more: { version?: string; sold?: number; by?: string } = {}): ExposureFact => ({ type: 'cell.read', cell, value, at, ...more });
export const due: ExposureFact = { type: 'time.due' };

/** Known, free, and the rights of every cell. */
export const figures = (ledger: Ledger) => ({
  known: known(ledger), free: free(ledger), rights: Object.fromEntries(Object.entries(ledger.cells).map(([id, { rights }]) => [id, rights])),
});
