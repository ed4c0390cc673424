/** Rows as they are: of whole tables, exact to a place in the log, and of single SKUs whose owner asks. */
import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import { escapeIdentifier, escapeLiteral } from 'pg';
import { quoted } from './database.ts';
import type { Change, Row } from './envelope.ts';
import { lsnNumber } from './lsn.ts';
import { exactly } from './slot.ts';
import { valueOf } from './values.ts';

/** Rows fetched at a time. */
const batch = 1_000;

const asJson = { getTypeParser: valueOf } as unknown as NonNullable<ClientConfig['types']>;

/** What a reading of a table says of one row. Its position lies before every change that commits from `lsn` on. */
export function reading(table: string, row: Row, lsn: bigint, at: number): Change {
  const [schema, name] = table.split('.') as [string, string];
  return { op: 'r', schema, table: name, before: null, after: row, position: [lsnNumber(lsn), -1], txId: null, at };
}

/**
 * Reads whole tables by a cursor. Each row is told at `[lsn, -1]`: changes that committed before are in it, those
 * that commit later come by the slot with a higher position.
 *
 * @param slot name for a temporary slot, which holds the snapshot
 * @param tell waits where there is no room for more; `n` counts the rows
 */
export async function readTables(config: ClientConfig, slot: string, tables: readonly string[], tell: (change: Change, n: number) => Promise<void>): Promise<number> {
  return exactly(config, slot, async (snapshot, lsn) => {
    const client = new Client({ ...config, types: asJson });
    client.on('error', () => undefined);
    await client.connect();
    try {
      await client.query('begin transaction isolation level repeatable read read only');
      await client.query(`set transaction snapshot ${escapeLiteral(snapshot)}`);
      const { rows: [clock] } = await client.query<{ at: string }>('select floor(extract(epoch from clock_timestamp()) * 1000)::text as at');
      let n = 0;
      for (const table of tables) {
        await client.query(`declare plumb_rows no scroll cursor for select * from ${quoted(table)}`);
        for (let rows: Row[]; ({ rows } = await client.query<Row>(`fetch ${batch} from plumb_rows`)), rows.length > 0;) {
          for (const row of rows) await tell(reading(table, row, lsn, Number(clock!.at)), n++);
        }
        await client.query('close plumb_rows');
      }
      await client.query('commit');
      return n;
    } finally {
      await client.end();
    }
  });
}

/** What a transaction saw: `xmin:xmax:xip,…` of `pg_current_snapshot()`. */
export class Visible {
  readonly #xmin: bigint;
  readonly #xmax: bigint;
  readonly open: ReadonlySet<bigint>;

  constructor(text: string) {
    const [xmin, xmax, open] = text.split(':') as [string, string, string];
    this.#xmin = BigInt(xmin);
    this.#xmax = BigInt(xmax);
    this.open = new Set(open === '' ? [] : open.split(',').map(BigInt));
  }

  /** @param xid 32 bits, as the log has it: of a transaction not two thousand million older or younger */
  sees(xid: number): boolean {
    let full = (this.#xmax & ~0xffff_ffffn) | BigInt(xid);
    if (full - this.#xmax >= 1n << 31n) full -= 1n << 32n;
    else if (this.#xmax - full > 1n << 31n) full += 1n << 32n;
    return full < this.#xmin || (full < this.#xmax && !this.open.has(full));
  }
}

export async function visibleNow(client: Client): Promise<Visible> {
  return new Visible((await client.query<{ text: string }>('select pg_current_snapshot()::text as text')).rows[0]!.text);
}

/** Rows of one SKU with what the reading transaction saw of others. */
export async function readRows(client: Client, tables: readonly { table: string; key: string }[], sku: string): Promise<{ rows: { table: string; row: Row }[]; visible: Visible; at: number }> {
  await client.query('begin transaction isolation level repeatable read read only');
  try {
    const { rows: [seen] } = await client.query<{ text: string; at: string }>('select pg_current_snapshot()::text as text, floor(extract(epoch from clock_timestamp()) * 1000)::text as at');
    const found: { table: string; row: Row }[] = [];
    for (const { table, key } of tables) {
      // As text, whatever the column is; an index on text or varchar serves it all the same.
      const { rows } = await client.query<Row>({ text: `select * from ${quoted(table)} where ${escapeIdentifier(key)}::text = $1`, values: [sku], types: asJson });
      for (const row of rows) found.push({ table, row });
    }
    return { rows: found, visible: new Visible(seen!.text), at: Number(seen!.at) };
  } finally {
    await client.query('rollback');
  }
}

