/** Keys for tests of who may do what: pairs of users, their files, and a server that runs by the shipped accounts. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { nkeys } from 'nats';
import { brokerHosts, makeKeys } from '../../deploy/keys/make.ts';
import type { Guard } from '../../deploy/nats/cluster.ts';
import { startNats } from '../../deploy/nats/server.ts';
import type { NatsOptions, NatsServer } from '../../deploy/nats/server.ts';

export const roles = ['node', 'operator', 'rebuild', 'ops', 'erp'] as const;
export type Role = (typeof roles)[number];

export interface Guarded {
  server: NatsServer;
  folder: string;
  /** The file with each one's seed. */
  keys: Record<Role, string>;
}

export async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'plumb-keys-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** nats-server takes includes from beside its own file, which is in a folder of its own among the temporary ones. */
export function includeOf(file: string): string {
  return `include ${JSON.stringify(relative(join(tmpdir(), 'plumb-nats-'), file))}`;
}

export async function guardedServer(t: ExecutionContext, more: Partial<NatsOptions> = {}): Promise<Guarded> {
  const folder = await folderOf(t);
  const env: Record<string, string> = {};
  const keys = {} as Record<Role, string>;
  for (const role of roles) {
    const pair = nkeys.createUser();
    env[`PLUMB_${role.toUpperCase()}_NKEY`] = pair.getPublicKey();
    keys[role] = join(folder, `${role}.nk`);
    await writeFile(keys[role], `${new TextDecoder().decode(pair.getSeed())}\n`, { mode: 0o600 });
  }
  const accounts = fileURLToPath(new URL('../../deploy/nats/accounts.conf', import.meta.url));
  const server = await startNats({ storeDir: join(folder, 'js'), env, ...more, extraConfig: `${includeOf(accounts)}\n${more.extraConfig ?? ''}` });
  t.teardown(() => server.stop());
  return { server, folder, keys };
}

/** Keys and certificates as `plumb keys` makes them, and what servers by `guarded.conf` and their clients take of them. */
export async function guardOf(folder: string): Promise<{ guard: Guard; keys: Record<Role, string>; ca: string }> {
  await makeKeys({ folder, sources: ['erp'], hosts: brokerHosts, now: new Date() });
  const at = (name: string): string => join(folder, name);
  const users = Object.fromEntries((await readFile(at('nats.env'), 'utf8')).trim().split('\n').map(line => line.split('=') as [string, string]));
  const keys = Object.fromEntries(roles.map(role => [role, at(`${role}.nk`)])) as Record<Role, string>;
  return { keys, ca: at('ca.pem'), guard: { env: { ...users, NATS_CERT: at('broker.pem'), NATS_KEY: at('broker.key'), NATS_CA: at('ca.pem') }, access: { credentials: keys.node, tls: { ca: at('ca.pem') } } } };
}
