/** How a node is let in: by an encrypted connection to a broker that it knows, and by a JWT; and what is told when it is not. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { connect, nkeys } from 'nats';
import { pino } from 'pino';
import { configSchema } from '../../config/config.ts';
import { accessOptions } from '../../deploy/nats/access.ts';
import type { Access } from '../../deploy/nats/access.ts';
import { startNats } from '../../deploy/nats/server.ts';
import { startNode } from '../../deploy/node.ts';
import { runPlumb } from '../deploy/plumb.ts';
import { eventually } from '../runtime/broker.ts';
import { authority } from './authority.ts';
import { folderOf, guardedServer } from './keys.ts';

test('an encrypted connection wants the right broker, the right certificate and the right key', async t => {
  const folder = await folderOf(t);
  const [ours, theirs] = [await authority(folder, 'ours'), await authority(folder, 'theirs')];
  const broker = await ours.issue('broker');
  const { server, keys } = await guardedServer(t, { extraConfig: `tls { cert_file: "${broker.cert}", key_file: "${broker.key}", ca_file: "${ours.ca}", verify: true }` });
  const right = await ours.issue('node');
  const reach = async (access: Access): Promise<string> => {
    try {
      const nc = await connect({ servers: server.url, reconnect: false, timeout: 10_000, inboxPrefix: '_INBOX_node.t', ...accessOptions(access) });
      const encrypted = nc.info!.tls_required === true;
      await nc.close();
      return encrypted ? 'in' : 'in, and not encrypted';
    } catch (error) {
      return 'refused';
    }
  };
  t.is(await reach({ credentials: keys.node, tls: { ca: ours.ca, ...right } }), 'in');
  t.is(await reach({ credentials: keys.node, tls: { ca: theirs.ca, ...right } }), 'refused', 'a broker that is not known');
  t.is(await reach({ credentials: keys.node, tls: right }), 'refused', 'a broker that no public authority knows');
  t.is(await reach({ credentials: keys.node, tls: { ca: ours.ca } }), 'refused', 'no certificate');
  t.is(await reach({ credentials: keys.node, tls: { ca: ours.ca, ...await theirs.issue('stranger') } }), 'refused', 'a certificate of another authority');
  t.is(await reach({ credentials: keys.node, tls: { ca: ours.ca, ...await ours.issue('former', true) } }), 'refused', 'a certificate whose time is over');
  t.is(await reach({ tls: { ca: ours.ca, ...right } }), 'refused', 'no key of a user');

  const node = await startNode(configSchema.parse({ nats: { url: server.url, credentials: keys.node, tls: { ca: ours.ca, ...right } }, node: { id: 'n1' } }), pino({ level: 'silent' }));
  t.teardown(() => node.stop());
  const env = { NATS_URL: server.url, NATS_NKEY: keys.operator, NATS_CA: ours.ca, NATS_CERT: right.cert, NATS_KEY: right.key };
  await eventually('the node answers a command', async () => (await runPlumb(['inspect', 'node', 'n1'], env)).code === 0, 60_000);
  const refused = await runPlumb(['inspect', 'node', 'n1'], { ...env, NATS_NKEY: undefined });
  t.is(refused.code, 1);
  t.regex(refused.stderr, /does not let us in: give the file of your keys as NATS_CREDS or NATS_NKEY/);
});

test('a .creds file lets in by its JWT, and one whose time is over does not', async t => {
  const folder = await folderOf(t);
  const [operator, account, system] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createAccount()];
  const signed = (by: nkeys.KeyPair, sub: string, nats: object, exp?: number): string => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = { iat: Math.floor(Date.now() / 1_000), iss: by.getPublicKey(), sub, name: 'test', nats, ...(exp !== undefined && { exp }) };
    const body = { ...claims, jti: createHash('sha256').update(JSON.stringify(claims)).digest('hex') };
    const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(body)}`;
    return `${text}.${Buffer.from(by.sign(Buffer.from(text))).toString('base64url')}`;
  };
  const unlimited = { subs: -1, conn: -1, leaf: -1, imports: -1, exports: -1, data: -1, payload: -1, wildcards: true, mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const accountJwt = signed(operator, account.getPublicKey(), { type: 'account', version: 2, limits: unlimited });
  const creds = async (name: string, exp?: number): Promise<string> => {
    const user = nkeys.createUser();
    const jwt = signed(account, user.getPublicKey(), { type: 'user', version: 2, subs: -1, data: -1, payload: -1 }, exp);
    const file = join(folder, `${name}.creds`);
    await writeFile(file, `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${new TextDecoder().decode(user.getSeed())}\n------END USER NKEY SEED------\n`, { mode: 0o600 });
    return file;
  };
  const server = await startNats({ storeDir: join(folder, 'js'), extraConfig: `operator: ${signed(operator, operator.getPublicKey(), { type: 'operator', version: 2 })}\nresolver: MEMORY\nresolver_preload: { ${account.getPublicKey()}: ${accountJwt}, ${system.getPublicKey()}: ${signed(operator, system.getPublicKey(), { type: 'account', version: 2, limits: { ...unlimited, mem_storage: 0, disk_storage: 0 } })} }\nsystem_account: ${system.getPublicKey()}` });
  t.teardown(() => server.stop());
  const node = await startNode(configSchema.parse({ nats: { url: server.url, credentials: await creds('node') }, node: { id: 'n1' } }), pino({ level: 'silent' }));
  t.teardown(() => node.stop());
  await eventually('the node answers', async () => (await runPlumb(['inspect', 'node', 'n1'], { NATS_URL: server.url, NATS_CREDS: await creds('operator') })).code === 0, 60_000);
  const late = await t.throwsAsync(connect({ servers: server.url, reconnect: false, ...accessOptions({ credentials: await creds('former', Math.floor(Date.now() / 1_000) - 60) }) }));
  t.regex(late!.name, /^(AuthorizationError|UserAuthenticationExpiredError)$/);
});

test('a file of keys that cannot be used is told by its name alone', async t => {
  const folder = await folderOf(t);
  const wrong = join(folder, 'wrong.nk');
  await writeFile(wrong, 'sesame-4711');
  t.throws(() => accessOptions({ credentials: wrong }), { name: 'AccessError', message: `${wrong}: holds neither a user's JWT with its seed (.creds) nor the seed of a user's nkey (SU…)` });
  t.throws(() => accessOptions({ credentials: join(folder, 'none') }), { name: 'AccessError', message: `${join(folder, 'none')}: cannot be read (ENOENT)` });
  const { code, stderr } = await runPlumb(['dead', 'list'], { NATS_NKEY: wrong });
  t.is(code, 2);
  t.false(stderr.includes('sesame'));
});
