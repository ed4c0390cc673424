/** The three servers as they are deployed, with accounts and TLS: by the files that ship, and keys that `plumb keys` makes. */
import { once } from 'node:events';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect as secure } from 'node:tls';
import test from 'ava';
import { connect } from 'nats';
import { pino } from 'pino';
import { configSchema } from '../../config/config.ts';
import { accessOptions } from '../../deploy/nats/access.ts';
import { startCluster } from '../../deploy/nats/cluster.ts';
import { startNode } from '../../deploy/node.ts';
import { runPlumb } from '../deploy/plumb.ts';
import { eventually } from '../runtime/broker.ts';
import { authority } from './authority.ts';
import { folderOf, guardOf } from './keys.ts';

test('plumb keys makes what is missing and leaves what is there', async t => {
  const folder = join(await folderOf(t), 'keys');
  const keys = (...more: string[]) => runPlumb(['keys', folder, ...more]);
  const first = await keys('--source', 'erp', 'wms-2');
  t.is(first.stdout, `${folder}: made node.nk, operator.nk, rebuild.nk, ops.nk, erp.nk, wms-2.nk, ca.key, ca.pem, broker.key, broker.pem\n`, first.stderr);
  for (const [name, mode] of [['.', 0o700], ['node.nk', 0o600], ['ca.key', 0o600], ['broker.key', 0o600], ['ca.pem', 0o644]] as const) t.is((await stat(join(folder, name))).mode & 0o777, mode, name);
  t.deepEqual((await readFile(join(folder, 'nats.env'), 'utf8')).match(/^PLUMB_\w+_NKEY=U/gm)!.map(line => line.slice(0, -2)), ['NODE', 'OPERATOR', 'REBUILD', 'OPS', 'ERP', 'WMS_2'].map(user => `PLUMB_${user}_NKEY`));
  const [seed, env] = [await readFile(join(folder, 'node.nk'), 'utf8'), await readFile(join(folder, 'nats.env'), 'utf8')];
  // The authority's key lies elsewhere until it is wanted.
  const signing = await readFile(join(folder, 'ca.key'));
  await rm(join(folder, 'ca.key'));
  t.is((await keys('--source', 'erp', 'wms-2')).stdout, `${folder} had everything\n`);
  await rm(join(folder, 'broker.pem'));
  const refused = await keys();
  t.is(refused.code, 2);
  t.is(refused.stderr, `plumb: ${join(folder, 'ca.key')} is not there, and broker.pem is to be signed by it: put it back, or remove ca.pem for a new authority\n`);
  await writeFile(join(folder, 'ca.key'), signing);
  t.is((await keys('--source', 'erp', 'wms-2')).stdout, `${folder}: made broker.key, broker.pem\n`);
  t.deepEqual([await readFile(join(folder, 'node.nk'), 'utf8'), await readFile(join(folder, 'nats.env'), 'utf8')], [seed, env]);
  t.is((await keys('--source', 'node')).stderr, 'plumb: --source: "node" is the name of a user or a certificate that is made anyway\n');
  t.is((await keys('--source', 'A B')).code, 2);
});

test('three servers with accounts and TLS take a node and an operator in, and no stranger, as a client or as a server', async t => {
  t.timeout(120_000);
  const folder = await folderOf(t);
  const { guard, keys, ca } = await guardOf(join(folder, 'keys'));
  const cluster = await startCluster({ storeDir: join(folder, 'js'), guard });
  t.teardown(() => cluster.stop());
  const url = cluster.urls.join(',');
  const node = await startNode(configSchema.parse({
    nats: { url, credentials: keys.node, tls: { ca }, replicas: 3, monitoring: cluster.servers.map(({ monitoringUrl }) => monitoringUrl), requireFlush: true }, node: { id: 'n1' }, sources: [{ source: 'erp' }],
  }), pino({ level: 'silent' }));
  t.teardown(() => node.stop());
  const operator = { NATS_URL: url, NATS_NKEY: keys.operator, NATS_CA: ca };
  await eventually('the node answers', async () => (await runPlumb(['inspect', 'node', 'n1'], operator)).code === 0, 60_000);
  const message = join(folder, 'count.json');
  await writeFile(message, JSON.stringify({ id: 'c', sku: 'A', type: 'count', version: 1, quantity: 9 }));
  await eventually('a count is stored on all three', async () => (await runPlumb(['ingest', 'file', message, '--source', 'erp', '--type', 'application/json'], operator)).code === 0, 60_000);
  t.regex((await runPlumb(['inspect', 'sku', 'A'], operator)).stdout, /onHand: 9/);

  // Whoever has no key, another's, or does not speak TLS.
  const strangers = await authority(folder, 'strangers');
  const foreign = await guardOf(join(folder, 'foreign'));
  const reach = async (access: object): Promise<string> => connect({ servers: cluster.urls, reconnect: false, timeout: 5_000, ...accessOptions(access) }).then(async nc => { await nc.close(); return 'in'; }, (error: Error) => error.name);
  t.is(await reach({ tls: { ca } }), 'AuthorizationError');
  t.is(await reach({ credentials: foreign.keys.node, tls: { ca } }), 'AuthorizationError');
  t.not(await reach({ credentials: keys.node, tls: { ca: strangers.ca } }), 'in', 'a broker that is not known');
  t.regex((await runPlumb(['inspect', 'node', 'n1'], { ...operator, NATS_NKEY: undefined })).stderr, /does not let us in/);

  // Who calls as a server does, with a certificate of another authority or none.
  const call = (by?: { cert: string; key: string }): Promise<string> => handshake(cluster.routes[0]!, { ca, ...by });
  t.regex(await call({ cert: guard.env.NATS_CERT!, key: guard.env.NATS_KEY! }), /^INFO .*"cluster":"plumb"/);
  t.regex(await call(await strangers.issue('server')), /unknown ca|certificate/);
  t.regex(await call(), /certificate required/);
});

/** @param files certificates and a key. @returns the beginning of what a route's port says, or why it says nothing */
async function handshake(port: number, files: { ca: string; cert?: string; key?: string }): Promise<string> {
  const pem = Object.fromEntries(await Promise.all(Object.entries(files).map(async ([name, file]) => [name, await readFile(file)])));
  const socket = secure({ port, host: '127.0.0.1', servername: 'localhost', ...pem });
  try {
    const [said] = await once(socket, 'data') as [Buffer];
    return said.toString();
  } catch (error) {
    return (error as Error).message;
  } finally {
    socket.destroy();
  }
}
