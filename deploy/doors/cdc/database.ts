/**
 * What change data capture needs of a database, looked at before anything is read: settings, rights, tables, the
 * publication (made or extended where that is allowed). Each lack is told with the SQL that mends it.
 */
import type { Client } from 'pg';
import { escapeIdentifier } from 'pg';
import type { Logger } from 'pino';
import type { PostgresDoor } from '../../../config/doors.ts';
import { DoorProblem } from './problem.ts';

interface Table { exists: boolean; partitioned: boolean; readable: boolean; identity: 'd' | 'n' | 'f' | 'i'; columns: string[]; identified: string[] }

/** `pg_current_snapshot()` is of PostgreSQL 13. */
const leastVersion = 130_000;

/** `schema.table` as SQL. */
export function quoted(table: string): string {
  return table.split('.').map(escapeIdentifier).join('.');
}

/** @throws {DoorProblem} */
export async function checkDatabase(client: Client, door: PostgresDoor, log: Logger): Promise<void> {
  const { rows: [facts] } = await client.query<{ version: number; wal: string; role: string; replicates: boolean }>(`
    select current_setting('server_version_num')::int as version, current_setting('wal_level') as wal, current_user as role,
      (select rolreplication or rolsuper from pg_roles where rolname = current_user)
        or exists (select from pg_roles r where r.rolname in ('rds_replication') and pg_has_role(current_user, r.oid, 'usage')) as replicates`);
  const { version, wal, role, replicates } = facts!;
  if (version < leastVersion) throw new DoorProblem('version', `PostgreSQL is of version ${Math.floor(version / 10_000)}`, `PostgreSQL ${leastVersion / 10_000} or later`);
  if (wal !== 'logical') {
    throw new DoorProblem('wal-level', `wal_level is ${JSON.stringify(wal)}, changes can be read only with "logical"`, 'run the SQL and restart PostgreSQL', 'ALTER SYSTEM SET wal_level = logical;');
  }
  if (!replicates) throw new DoorProblem('rights', `role ${JSON.stringify(role)} may not read changes`, 'run the SQL as a superuser', `ALTER ROLE ${escapeIdentifier(role)} REPLICATION;`);
  let partitioned: string | undefined;
  for (const { table, key } of door.tables) {
    const found = await tableOf(client, table);
    checkTable(table, key, role, found, log);
    if (found.partitioned) partitioned = table;
  }
  await ensurePublication(client, door, role, partitioned);
}

async function tableOf(client: Client, table: string): Promise<Table> {
  const { rows: [found] } = await client.query<Table>(`
    select true as exists, c.relkind = 'p' as partitioned, has_table_privilege(c.oid, 'select') as readable, c.relreplident as identity,
      array(select attname::text from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped) as columns,
      array(select a.attname::text from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey::int2[])
        where i.indrelid = c.oid and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident else false end) as identified
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p')`, table.split('.'));
  return found ?? { exists: false, partitioned: false, readable: false, identity: 'n', columns: [], identified: [] };
}

function checkTable(name: string, key: string | undefined, role: string, { exists, readable, identity, columns, identified }: Table, log: Logger): void {
  const table = quoted(name);
  if (!exists) throw new DoorProblem('table', `table ${name} does not exist in this database`, 'correct the name in the configuration, or create the table');
  if (!readable) throw new DoorProblem('rights', `role ${JSON.stringify(role)} may not read ${name}`, 'run the SQL as the owner of the table', `GRANT SELECT ON ${table} TO ${escapeIdentifier(role)};`);
  if (key !== undefined && !columns.includes(key)) throw new DoorProblem('table', `table ${name} has no column ${JSON.stringify(key)}: it has ${columns.join(', ')}`, 'correct the key in the configuration');
  if (identity !== 'f' && identified.length === 0) {
    // Published like this, PostgreSQL would refuse the ERP's own updates and deletes of it.
    throw new DoorProblem('identity', `table ${name} has no replica identity: its updates and deletes cannot be published`, 'give the table a primary key, or run the SQL', `ALTER TABLE ${table} REPLICA IDENTITY FULL;`);
  }
  if (identity !== 'f' && key !== undefined && !identified.includes(key)) {
    log.warn({ table: name, key, sql: `ALTER TABLE ${table} REPLICA IDENTITY FULL;` }, 'a deleted row of this table will not tell its key, only its identity: the SQL mends it');
  }
}

/** @throws {DoorProblem} when it is missing, or does not tell of all tables, and may not be made so */
async function ensurePublication(client: Client, { publication, tables }: PostgresDoor, role: string, partitioned: string | undefined): Promise<void> {
  const name = escapeIdentifier(publication);
  const { rows: [found] } = await client.query<{ all: boolean; byRoot: boolean }>('select pubinsert and pubupdate and pubdelete as all, pubviaroot as "byRoot" from pg_publication where pubname = $1', [publication]);
  let sql: string | undefined;
  if (!found) {
    sql = `CREATE PUBLICATION ${name} FOR TABLE ${tables.map(({ table }) => quoted(table)).join(', ')} WITH (publish_via_partition_root = true);`;
  } else {
    if (!found.all) throw new DoorProblem('publication', `publication ${publication} leaves out inserts, updates or deletes`, 'run the SQL as its owner', `ALTER PUBLICATION ${name} SET (publish = 'insert, update, delete, truncate');`);
    if (partitioned !== undefined && !found.byRoot) {
      throw new DoorProblem('publication', `publication ${publication} tells of the partitions of ${partitioned}, which the configuration does not name`, 'run the SQL as its owner', `ALTER PUBLICATION ${name} SET (publish_via_partition_root = true);`);
    }
    const { rows } = await client.query<{ table: string }>('select schemaname || \'.\' || tablename as table from pg_publication_tables where pubname = $1', [publication]);
    const told = new Set(rows.map(({ table }) => table));
    const missing = tables.filter(({ table }) => !told.has(table));
    if (missing.length > 0) sql = `ALTER PUBLICATION ${name} ADD TABLE ${missing.map(({ table }) => quoted(table)).join(', ')};`;
  }
  if (sql === undefined) return;
  try {
    await client.query(sql);
  } catch (error) {
    if ((error as { code?: string }).code === '42710') return;
    if ((error as { code?: string }).code !== '42501') throw error;
    throw new DoorProblem('rights', `publication ${publication} does not tell of every table, and role ${JSON.stringify(role)} may not change that: ${(error as Error).message}`, 'run the SQL as the owner of the tables', sql);
  }
}
