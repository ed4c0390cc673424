/** The samples of ERP-side systems, which lie beside the repository (`../shared`, or PLUMB_SHARED), and what a mapping makes of one. */
import { readFileSync } from 'node:fs';
import type { CanonicalEvent } from '../../actors/sku/ingest/canonical.ts';
import type { Mapped, RawMessage } from '../../actors/sku/ingest/mapping.ts';
import type { MappingSettings } from '../../actors/sku/ingest/mapping.ts';
import { loadMapping } from '../../config/sources.ts';

const shared = process.env['PLUMB_SHARED'] ? new URL(`file://${process.env['PLUMB_SHARED']}/`) : new URL('../../../shared/', import.meta.url);

/** The journal's time of every message in these tests. */
export const at = Date.UTC(2026, 0, 5, 9);
export const seq = 7;

export function sample(path: string): string {
  return readFileSync(new URL(`data/erp-samples/${path}`, shared), 'utf8');
}

export interface Outcome {
  events: CanonicalEvent[];
  /** `row: message`. */
  refused: string[];
  ignored: Record<string, number>;
  asks: Mapped['asks'];
  notes: string[];
}

export const nothing: Outcome = { events: [], refused: [], ignored: {}, asks: [], notes: [] };

/** @param text as it stands, or with a change that the test says */
export async function mapped(name: string, text: string, settings: Partial<MappingSettings> = {}, message: Partial<RawMessage> = {}): Promise<Outcome> {
  const { events, refusals, ...rest } = await loadMapping(name, { source: 'erp', ...settings }).map({ text, seq, at, ...message });
  return { events, refused: refusals.map(({ error, row }) => `${row === undefined ? '' : `${row}: `}${error.message}`), ...rest };
}

/** A count as an event. */
export function count(id: string, sku: string, position: CanonicalEvent['fact'] extends infer F ? F extends { position: infer P } ? P : never : never, quantity: number, more: object = {}): CanonicalEvent {
  return { id, sku, fact: { type: 'stock.counted', source: 'erp', position, quantity, ...more } };
}

export function adjust(id: string, sku: string, position: Parameters<typeof count>[2], delta: number, more: object = {}): CanonicalEvent {
  return { id, sku, fact: { type: 'stock.adjusted', source: 'erp', position, delta, ...more } };
}
