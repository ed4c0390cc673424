/** Traces as files: one JSON object a line. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { TraceEvent } from './workload.ts';

const kinds = ['set', 'delta', 'reserve', 'release'];

/** @throws {Error} naming file, line and what is wrong with it */
export function readTrace(file: string): TraceEvent[] {
  return readFileSync(file, 'utf8').split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    let event: TraceEvent;
    try {
      event = JSON.parse(line) as TraceEvent;
    } catch (error) {
      throw new Error(`${file}:${i + 1}: ${(error as Error).message}`);
    }
    const { eventId, sku, seq, kind, quantity } = event;
    const wrong =
      typeof eventId !== 'string' || eventId === '' ? 'eventId'
      : typeof sku !== 'string' || sku === '' ? 'sku'
      : !Number.isSafeInteger(seq) || seq < 1 ? 'seq'
      : !kinds.includes(kind) ? 'kind'
      : !Number.isSafeInteger(quantity) ? 'quantity'
      : undefined;
    if (wrong !== undefined) throw new Error(`${file}:${i + 1}: ${wrong} is ${JSON.stringify((event as unknown as Record<string, unknown>)[wrong])}`);
    return [event];
  });
}

export function writeTrace(file: string, trace: readonly TraceEvent[]): void {
  writeFileSync(file, trace.map(event => `${JSON.stringify(event)}\n`).join(''));
}
