/** The `plumb` command as scripts see it: run for real, judged by exit code and output. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { Packr } from 'msgpackr';
import { connect } from 'nats';
import { startNats } from '../../deploy/nats/server.ts';

const launcher = fileURLToPath(new URL('../../deploy/cli/plumb.js', import.meta.url));
const packr = new Packr({ useRecords: false });

interface Result { code: number | null; stdout: string; stderr: string }

function plumb(args: readonly string[], { stdin = '', env = {}, nodeArgs = [] }: { stdin?: string | Uint8Array; env?: Record<string, string>; nodeArgs?: string[] } = {}): Promise<Result> {
  const child = spawn(process.execPath, [...nodeArgs, launcher, ...args], { env: { ...process.env, NATS_URL: '', ...env } });
  const result: Result = { code: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', text => { result.stdout += text; });
  child.stderr.setEncoding('utf8').on('data', text => { result.stderr += text; });
  child.stdin.end(stdin);
  return new Promise(resolve => child.on('close', code => resolve({ ...result, code })));
}

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

// A process each, so one after the other: side by side they would only wait for each other.
test.serial('every command explains itself with --help and exits 0', async t => {
  for (const args of [
    [], ['demo'], ['node'], ['sandbox'], ['ingest'], ['source'], ['rules'], ['channel'], ['inspect'], ['inspect', 'sku'], ['inspect', 'channel'], ['inspect', 'node'],
    ['trace'], ['replay'], ['dead'], ['dead', 'list'], ['dead', 'retry'], ['hold'], ['hold', 'drop'], ['freeze'], ['drain'], ['resume'], ['release'], ['decode'],
  ]) {
    const { code, stdout } = await plumb([...args, '--help']);
    t.is(code, 0);
    t.true(stdout.startsWith(`Usage: ${['plumb', ...args].join(' ')} `), stdout);
  }
});

for (const [what, args] of [
  ['no command', []],
  ['an unknown command', ['fly']],
  ['an unknown flag', ['demo', '--fast']],
  ['a number that is none', ['demo', '--speed', 'fast']],
  ['a number out of range', ['demo', '--clock', '0']],
  ['a part of a line', ['demo', '--limit', '1.5']],
  ['an unknown scenario', ['demo', '--scenario', 'flood']],
  ['stock without orders', ['demo', '--stock', 'stock.csv']],
  ['a missing argument', ['inspect', 'sku']],
  ['a node without configuration', ['node']],
  ['a node whose configuration is not there', ['node', '--config', '/nowhere/plumb.yaml']],
] as const) {
  test.serial(`${what} is wrong usage: exit 2, said on stderr`, async t => {
    const { code, stderr } = await plumb(args, { env: { PLUMB_CONFIG: '' } });
    t.is(code, 2);
    t.true(stderr.length > 10);
  });
}

test.serial('a node is not given a name that its configuration does not take', async t => {
  const file = join(await folder(t), 'plumb.yaml');
  await writeFile(file, 'node: { id: n1 }\n');
  const { code, stderr } = await plumb(['node', '--config', file, '--id', 'n2']);
  t.is(code, 2);
  t.true(stderr.includes('id: ${PLUMB_NODE_ID}'), stderr);
});

test.serial('an unusable trace names file, line and column, exits 2 and starts nothing', async t => {
  const path = await folder(t);
  const orders = join(path, 'orders.csv');
  await writeFile(orders, 'ts,order_id,sku,quantity,channel,line,kind,ref_order_id\n2026-01-01T00:00:00Z,1,A,1,amazon,1,order,\n2026-01-01T00:01:00Z,2,A,six,amazon,1,order,\n');
  const { code, stdout, stderr } = await plumb(['demo', '--orders', orders], { env: { TMPDIR: path } });
  t.is(code, 2);
  t.true(stderr.includes(`${orders}:3: column quantity`), stderr);
  t.is(stdout, '');
  t.deepEqual(await readdir(path), ['orders.csv']);
});

test.serial('a trace that is not there is named, and --json still ends in a JSON object', async t => {
  const { code, stdout, stderr } = await plumb(['demo', '--json', '--orders', '/nowhere/orders.csv']);
  t.is(code, 2);
  t.true(stderr.includes('/nowhere/orders.csv'));
  t.like(JSON.parse(stdout), { ok: false, checks: [] });
});

test.serial('decode turns msgpack into a line of JSON', async t => {
  const { code, stdout } = await plumb(['decode'], { stdin: packr.pack({ type: 'stock.counted', quantity: 7, nested: { list: [1, 'b', null] } }) });
  t.is(code, 0);
  t.deepEqual(JSON.parse(stdout), { type: 'stock.counted', quantity: 7, nested: { list: [1, 'b', null] } });
});

test.serial('decode shows large integers, bytes and times in a way that JSON has', async t => {
  const { stdout } = await plumb(['decode'], { stdin: packr.pack({ big: 2n ** 60n, bytes: Buffer.from('ab'), at: new Date(0) }) });
  t.deepEqual(JSON.parse(stdout), { big: String(2n ** 60n), bytes: 'YWI=', at: '1970-01-01T00:00:00.000Z' });
});

test.serial('decode writes a line for each of several messages, and none for no bytes', async t => {
  const two = await plumb(['decode'], { stdin: Buffer.concat([packr.pack({ n: 1 }), packr.pack({ n: 2 })]) });
  t.is(two.stdout, '{"n":1}\n{"n":2}\n');
  t.deepEqual(await plumb(['decode']), { code: 0, stdout: '', stderr: '' });
});

test.serial('decode passes JSON through', async t => {
  t.is((await plumb(['decode'], { stdin: '{"a": 1}' })).stdout, '{"a":1}\n');
  t.is((await plumb(['decode', '--pretty'], { stdin: '{"a":1}' })).stdout, '{\n  "a": 1\n}\n');
});

test.serial('decode refuses what is neither, with its first bytes', async t => {
  for (const stdin of ['{"a": 1', 'hello', Buffer.from([0xc1])]) {
    const { code, stdout, stderr } = await plumb(['decode'], { stdin });
    t.is(code, 2);
    t.is(stdout, '');
    t.regex(stderr, /neither msgpack nor JSON.*first [0-9a-f]+/);
  }
});

test.serial('commands that read journals say so where no node has ever run, and end', async t => {
  const server = await startNats({ storeDir: await folder(t) });
  t.teardown(() => server.stop());
  for (const args of [['replay', '--all', '--verify'], ['dead', 'list'], ['trace', 'A']]) {
    const { code, stdout, stderr } = await plumb([...args, '--nats', server.url]);
    t.deepEqual({ code, stdout, stderr }, { code: 1, stdout: '', stderr: 'plumb: no node has run on this NATS server: it has none of Plumb\'s streams\n' }, args.join(' '));
  }
});

test.serial('inspect without a server says where it looked and exits 1', async t => {
  const { code, stderr } = await plumb(['inspect', 'node', 'n1', '--nats', 'nats://127.0.0.1:1']);
  t.is(code, 1);
  t.regex(stderr, /no NATS server answers at nats:\/\/127\.0\.0\.1:1/);
});

test.serial('inspect asks on the escaped subject, and shows the answer as YAML or as one line of JSON', async t => {
  const server = await startNats({ storeDir: await folder(t) });
  t.teardown(() => server.stop());
  const connection = await connect({ servers: server.url });
  t.teardown(() => connection.close());
  connection.subscribe('inspect.sku.B=202', { callback: (_, message) => { message.respond(JSON.stringify({ sku: 'B 2', onHand: 5 })); } });
  connection.subscribe('inspect.channel.amazon', { callback: (_, message) => { message.respond(JSON.stringify({ error: 'no account "amazon"' })); } });
  await connection.flush();

  const env = { NATS_URL: server.url };
  t.deepEqual(await plumb(['inspect', 'sku', 'B 2'], { env }), { code: 0, stdout: 'sku: B 2\nonHand: 5\n', stderr: '' });
  t.is((await plumb(['inspect', 'sku', 'B 2', '--json', '--nats', server.url])).stdout, '{"sku":"B 2","onHand":5}\n');

  const unknown = await plumb(['inspect', 'channel', 'amazon'], { env });
  t.is(unknown.code, 1);
  t.regex(unknown.stderr, /no account "amazon"/);

  const nobody = await plumb(['inspect', 'node', 'n9'], { env });
  t.is(nobody.code, 1);
  t.regex(nobody.stderr, /no node answers inspect\.node\.n9/);

  t.is((await plumb(['inspect', 'sku', ''], { env })).code, 2);
});

/** Makes a Node seem old to the launcher; what it hands over to is told by its environment alone. */
const oldNode = ['--import', `data:text/javascript,${encodeURIComponent("Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.19.0' } })")}`];

test.serial('an old Node hands over to the one that was installed along', async t => {
  const { code, stdout } = await plumb(['--version'], { nodeArgs: oldNode });
  t.is(code, 0);
  t.regex(stdout, /^\d+\.\d+\.\d+\n$/);
  t.is((await plumb(['demo', '--fast'], { nodeArgs: oldNode })).code, 2, 'its exit code is handed back');
});

test.serial('an old Node with nothing to hand over to says what to do and exits 2', async t => {
  const { code, stderr } = await plumb(['--version'], { nodeArgs: oldNode, env: { PLUMB_HANDED_OVER: '1' } });
  t.is(code, 2);
  t.regex(stderr, /needs Node 24/);
  t.regex(stderr, /npm install/);
});
