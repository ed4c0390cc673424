/** A mapping written out in a test, and what it makes of a message. */
import { compileMapping } from '../../../actors/sku/ingest/mapping.ts';
import type { Mapped, Mapping, MappingSettings, RawMessage } from '../../../actors/sku/ingest/mapping.ts';
import { mappingSchema } from '../../../actors/sku/ingest/spec.ts';

/** When the journal took the messages of these tests. */
export const at = Date.UTC(2026, 0, 5, 9);

export const counting = { type: 'count', sku: 'sku', position: 'v', quantity: 'q' };

export function mapping(spec: object, settings: Partial<MappingSettings> = {}): Mapping {
  return compileMapping(mappingSchema.parse(spec), { source: 'erp', name: 'test', ...settings });
}

/** With one form of these fields. */
export function form(fields: object, rest: object = {}, settings: Partial<MappingSettings> = {}): Mapping {
  return mapping({ forms: [{ name: 'only', ...counting, ...fields }], ...rest }, settings);
}

export interface Told { events: [sku: string, fact: unknown][]; refused: string[]; ignored: Record<string, number>; asks: Mapped['asks']; notes: string[] }

/** What came of a message; refusals as `row: message`. */
export async function told(mapping: Mapping, payload: unknown, more: Partial<RawMessage> = {}): Promise<Told> {
  const { events, refusals, ignored, asks, notes } = await mapping.map({ text: typeof payload === 'string' ? payload : JSON.stringify(payload), seq: 7, at, ...more });
  return {
    events: events.map(({ sku, fact }) => [sku, fact]),
    refused: refusals.map(({ error, row }) => `${row === undefined ? '' : `${row}: `}${error.message}`),
    ignored, asks, notes,
  };
}

export const nothing: Told = { events: [], refused: [], ignored: {}, asks: [], notes: [] };
export const count = (position: unknown, quantity: number, more: object = {}): object => ({ type: 'stock.counted', source: 'erp', position, quantity, ...more });
