/** The replication slot: what PostgreSQL keeps for this door, and readings that are exact to a place in its log. */
import { Client, escapeIdentifier } from 'pg';
import type { ClientConfig } from 'pg';
import { parseLsn } from './lsn.ts';
import { DoorProblem } from './problem.ts';

export interface Slot {
  /** Everything before it is known to be stored. */
  confirmed: bigint;
  /** PostgreSQL gave up keeping the log for it. */
  isLost: boolean;
  /** Somebody reads it now. */
  isActive: boolean;
}

/** @throws {DoorProblem} when the name is another kind of slot's */
export async function slotOf(client: Client, name: string): Promise<Slot | undefined> {
  const { rows: [found] } = await client.query<{ plugin: string | null; here: boolean; confirmed: string | null; status: string | null; active: boolean }>(
    'select plugin, database = current_database() as here, confirmed_flush_lsn::text as confirmed, wal_status as status, active from pg_replication_slots where slot_name = $1', [name]);
  if (!found) return undefined;
  if (found.plugin !== 'pgoutput' || !found.here) throw new DoorProblem('slot', `slot ${name} is of another database or plugin (${found.plugin ?? 'physical'})`, 'name another slot in the configuration');
  return { confirmed: parseLsn(found.confirmed ?? '0/0'), isLost: found.status === 'lost' || found.confirmed === null, isActive: found.active };
}

/** A connection of its own that speaks the replication protocol. */
async function replicating<T>(config: ClientConfig, act: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ ...config, replication: 'database' } as ClientConfig);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await act(client);
  } finally {
    await client.end();
  }
}

/** Names the database cluster: another one counts its log anew. */
export function systemOf(config: ClientConfig): Promise<string> {
  return replicating(config, async client => (await client.query<{ systemid: string }>('IDENTIFY_SYSTEM')).rows[0]!.systemid);
}

/**
 * Changes that commit from here on are kept. Waits for transactions that are open.
 *
 * @returns the LSN from which it tells of changes
 * @throws {DoorProblem} when there is no room for another slot
 */
export function createSlot(config: ClientConfig, name: string): Promise<bigint> {
  return replicating(config, client => create(client, `CREATE_REPLICATION_SLOT ${escapeIdentifier(name)} LOGICAL pgoutput NOEXPORT_SNAPSHOT`));
}

export async function dropSlot(client: Client, name: string): Promise<void> {
  await client.query('select pg_drop_replication_slot($1)', [name]);
}

/**
 * Runs `read` with the name of a snapshot that sees exactly what committed before `lsn`: what the changes of any slot
 * from there on do not tell again. Needs room for one slot besides, as long as it lasts.
 *
 * @throws {DoorProblem} when there is none
 */
export function exactly<T>(config: ClientConfig, name: string, read: (snapshot: string, lsn: bigint) => Promise<T>): Promise<T> {
  return replicating(config, async client => {
    let snapshot = '';
    const lsn = await create(client, `CREATE_REPLICATION_SLOT ${escapeIdentifier(name)} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT`, found => { snapshot = found; });
    return read(snapshot, lsn);
  });
}

async function create(client: Client, command: string, snapshot?: (name: string) => void): Promise<bigint> {
  try {
    const { rows: [made] } = await client.query<{ consistent_point: string; snapshot_name: string }>(command);
    snapshot?.(made!.snapshot_name);
    return parseLsn(made!.consistent_point);
  } catch (error) {
    if ((error as { code?: string }).code !== '53400') throw error;
    throw new DoorProblem('slots', `PostgreSQL has no room for another replication slot: ${(error as Error).message}`, 'drop a slot that nobody reads, or run the SQL and restart PostgreSQL', 'ALTER SYSTEM SET max_replication_slots = 20;');
  }
}
