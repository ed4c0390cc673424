/** Plumb's own format in the shape of a mapping, so that one command tries both. */
import type { Mapping } from '../../actors/sku/ingest/mapping.ts';
import { parseNative } from '../../actors/sku/ingest/native.ts';
import { MalformedError } from '../../actors/sku/ingest/refusal.ts';

export function nativeMapping(source: string): Mapping {
  return {
    name: 'plumb',
    policy: {},
    map({ text }) {
      try {
        return Promise.resolve({ events: [parseNative(source, text)], refusals: [], asks: [], ignored: {}, notes: [] });
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
        return Promise.resolve({ events: [], refusals: [{ error }], asks: [], ignored: {}, notes: [] });
      }
    },
  };
}
