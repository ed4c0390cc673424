/** Tables that are read again, compared with what is held to be true of them before any row of it is told. */
import type { ClientConfig } from 'pg';
import type { NatsConnection } from 'nats';
import type { PreviewRequest } from '../../../runtime/preview.ts';
import { Comparing, rowsAtOnce } from '../files/compare.ts';
import type { Comparison } from '../files/compare.ts';
import type { Change } from './envelope.ts';
import { readTables } from './reading.ts';

/**
 * @param messageOf a row as it would be told
 * @returns undefined where nothing was known, or no node owns the source and can tell what its rows mean
 */
export async function compareTables(
  { nc, source, client, slot, tables, isOver }: { nc: NatsConnection; source: string; client: ClientConfig; slot: string; tables: readonly string[]; isOver(): boolean },
  messageOf: (change: Change) => { text: string; position: string },
): Promise<Comparison | undefined> {
  const comparing = await Comparing.begin(nc, source);
  if (comparing.known === 0) return undefined;
  let rows: PreviewRequest['messages'] = [];
  let isKnown = true;
  const flush = async (): Promise<void> => {
    isKnown &&= await comparing.take(rows);
    rows = [];
  };
  await readTables(client, slot, tables, async change => {
    if (isOver()) throw new Error('given up meanwhile');
    if (!isKnown) return;
    rows.push({ ...messageOf(change), contentType: 'application/json' });
    if (rows.length >= rowsAtOnce) await flush();
  });
  await flush();
  return isKnown ? comparing.comparison : undefined;
}
