/** The raw message of one change, close to Debezium's envelope for PostgreSQL, so that one mapping reads both. */

/** c: inserted, u: updated, d: deleted, t: table emptied, r: read, by a snapshot or because a SKU's owner asked. */
export type Op = 'c' | 'u' | 'd' | 't' | 'r';
export type Row = Record<string, unknown>;

export interface Change {
  op: Op;
  schema: string;
  table: string;
  /** The row as it was, as far as the table's REPLICA IDENTITY tells. */
  before: Row | null;
  /** The row as it is. A column whose large value did not change may be absent. */
  after: Row | null;
  /** `[lsn, index]`: of the commit with the change's place in its transaction from 0, of a reading with -1. */
  position: readonly [number, number];
  /** 32 bits, as the replication protocol has it; null of a reading. */
  txId: number | null;
  /** Commit, or reading, epoch ms by PostgreSQL's clock. */
  at: number;
}

/** The same bytes for the same change, however often it is read. */
export function envelope(origin: { source: string; database: string }, { op, schema, table, before, after, position: [lsn, index], txId, at }: Change): Uint8Array {
  return Buffer.from(JSON.stringify({
    op,
    before,
    after,
    source: { connector: 'postgresql', name: origin.source, db: origin.database, schema, table, txId, lsn, index, ts_ms: at, snapshot: op === 'r' },
  }));
}
