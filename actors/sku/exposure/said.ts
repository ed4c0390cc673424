/** What the ledger has to say: entries for the journal of alerts, each once, with its cause. Units and epoch ms. */
import type { Cause, Ledger } from './ledger.ts';

export type Said =
  | { type: 'shortfall.opened'; debt: number; cause: Cause; rights: Record<string, number> }
  | { type: 'shortfall.grew'; debt: number; cause: Cause; rights: Record<string, number> }
  /** So many units are sold beyond what exists by now, in these order lines. */
  | { type: 'shortfall.sold'; openedAt: number; cause: Cause; oversold: number; lines: { line: string; units: number }[] }
  /** With the order lines really sold beyond what exists, or none. */
  | { type: 'shortfall.closed'; openedAt: number; debt: number; cause: Cause; oversold: number; lines: { line: string; units: number }[] }
  /** Somebody else raised the cell (P11); `asWritten`: to what we set last, so that it may be that write, carried out again (A2). */
  | { type: 'drift.found'; cell: string; shown: number; rights: number; asWritten?: true }
  /** What a foreign raise brought is no debt any more. */
  | { type: 'drift.over'; cell: string; seq: number; at: number; shown: number; rights: number }
  /** A3 failed: an order came after its cell was settled without it. `lagMs` is too short. */
  | { type: 'order.late'; cell: string; line: string; createdAt: number; settledTo: number }
  /** More was sold than may have been: foreign, or A4 failed. */
  | { type: 'sale.beyond'; cell: string; units: number }
  /** Counted as sold by the channel, and in no order though orders are complete: the units are counted on again. */
  | { type: 'sale.unlisted'; cell: string; units: number }
  | { type: 'ship.permitted'; cell: string; line: string }
  /** An order closed unasked: so many units are shown again that nobody had in mind (A6). */
  | { type: 'ship.ungated'; cell: string; line: string; units: number }
  | { type: 'write.lapsed'; cell: string; id: string; reserved: number }
  /** Our own record lost writes (P12); and has regained every cell. */
  | { type: 'ledger.lost'; rights: Record<string, number> }
  | { type: 'ledger.regained' }
  | { type: 'mode.changed'; mode: Ledger['mode']; debt: number }
  /** Escrow holds from here on (P13). */
  | { type: 'escrow.inForce' };
