/** Every command of `plumb` on a broker with the accounts that ship: it works with the keys that are for it, and with no others. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Command } from 'commander';
import { fastify } from 'fastify';
import { connect } from 'nats';
import { pino } from 'pino';
import { loadConfig } from '../../config/file.ts';
import { allCommands } from '../../deploy/cli/commands.ts';
import { openConsole } from '../../deploy/console/server.ts';
import { accessOptions } from '../../deploy/nats/access.ts';
import { freePorts } from '../../deploy/nats/cluster.ts';
import { eachRefusal, refusalText } from '../../deploy/nats/refusals.ts';
import { realParts, startNode } from '../../deploy/node.ts';
import type { RunningNode } from '../../deploy/node.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import type { RunningSandbox } from '../../deploy/sandbox/kit/server.ts';
import { shopifySandbox } from '../../deploy/sandbox/shopify.ts';
import { shopDomain } from '../../deploy/sandbox/shopify/notify.ts';
import { inBatches } from '../../runtime/batches.ts';
import { runPlumb } from '../deploy/plumb.ts';
import { eventually } from '../runtime/broker.ts';
import { guardedServer } from './keys.ts';
import type { Guarded, Role } from './keys.ts';

const scale = 600;
const withinMs = 60_000;
const token = 'correct-horse-battery';

interface World extends Guarded {
  shop: RunningSandbox;
  config: string;
  node: RunningNode;
  stop(): Promise<void>;
  /** Of what the node complained. */
  complaints: string[];
  /** Where a collector of traces was told something. */
  traced(): number;
  post(path: string, body: object): Promise<void>;
  plumb(role: Role, args: readonly string[]): ReturnType<typeof runPlumb>;
}

/** A node with its own keys and everything switched on, as its configuration says. */
async function world(t: ExecutionContext): Promise<World> {
  const guarded = await guardedServer(t);
  const { server, folder, keys } = guarded;
  const vendor = shopifySandbox({ account: 'shopify', clock: new SandboxClock(scale) });
  const shop = await startSandbox(vendor);
  t.teardown(() => shop.close());
  for (const sku of ['A-1', 'A-2', 'A-3']) shop.shop.addListing(sku, 3);
  let traces = 0;
  const collector = fastify();
  collector.post('/v1/traces', async () => { traces += 1; return {}; });
  const collecting = await collector.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => collector.close());
  const [door, hooks] = await freePorts(2);
  await mkdir(join(folder, 'tokens'), { mode: 0o700 });
  const config = join(folder, 'plumb.yaml');
  await writeFile(config, JSON.stringify({
    nats: { url: server.url, credentials: 'node.nk' }, node: { id: 'n1', dataDir: 'data' }, secretsDir: 'tokens', timeScale: scale, sources: [{ source: 'erp' }],
    accounts: [{ account: 'shopify', channel: 'shopify', baseUrl: shop.url, credentials: vendor.credentials, settings: vendor.settings }],
    archive: { store: 'archive', everyMs: 1_000 }, metrics: { port: 0 }, traces: { url: `${collecting}/v1/traces`, share: 1, perSecond: 50 },
    doors: { http: { port: door, sources: [{ source: 'erp', auth: { type: 'bearer', tokens: [token] } }] } }, hooks: { port: hooks, accounts: { shopify: { shop: shopDomain } } },
    debounce: { quietMs: 0, hardMs: 0 }, reconcile: { maxProofAgeMs: 1_000, apartMs: 200 }, channels: { pollMinMs: 50, graceMs: 500 }, audit: { everyMs: 1_000 },
    governor: { zero: { share: 1, least: 100 }, raise: { share: 1, least: 100 } },
  }));
  const complaints: string[] = [];
  const log = pino({ level: 'warn' }, { write: line => { complaints.push(line); } });
  const node = await startNode(loadConfig(config), log, { ...realParts, reread: () => loadConfig(config) });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => stopped ??= node.stop();
  t.teardown(stop);
  const listening = await fetch(`${shop.url}/_sandbox/hooks`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ url: `http://127.0.0.1:${hooks}/hooks/shopify`, copies: 1 }) });
  t.true(listening.ok);
  return {
    ...guarded, shop, config, node, stop, complaints, traced: () => traces,
    async post(path, body) {
      const response = await fetch(`http://127.0.0.1:${door}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, body: JSON.stringify(body) });
      if (response.status !== 202) throw new Error(await response.text());
    },
    plumb: (role, args) => runPlumb(args, { NATS_URL: server.url, NATS_NKEY: keys[role], PLUMB_CONFIG: config }),
  };
}

/** A command as it is tried, and how it ends with the keys that are for it. */
interface Step {
  name: string;
  args(w: World): readonly string[] | Promise<readonly string[]>;
  code?: number;
  says?: RegExp;
  /** What must be so before it. */
  first?(w: World): Promise<void>;
}

const command = (name: string, rest: readonly string[] = [], more: Omit<Partial<Step>, 'name'> = {}): Step => ({ name, args: () => [...name.split(' '), ...rest], ...more });

/** A file with this content. */
async function put({ folder }: World, name: string, content: string): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}

async function taskOf(w: World, kind: string): Promise<string> {
  const { stdout } = await w.plumb('operator', ['dead', 'list', '--class', kind, '--json']);
  return (JSON.parse(stdout.trim().split('\n').at(-1)!) as { task: string }).task;
}

const onTask = (verb: string, rest: (w: World) => Promise<readonly string[]> = async () => []): Step =>
  ({ name: `dead ${verb}`, args: async w => ['dead', verb, await taskOf(w, 'malformed'), ...await rest(w)] });

/** In an order that makes sense: what a command needs was done by those before it. */
const steps: readonly Step[] = [
  command('inspect node', ['n1'], { says: /^accounts:\n +- shopify$/m }),
  command('inspect channel', ['shopify']),
  command('doctor', [], { says: /^ok +permissions/m }),
  command('listings import', ['shopify'], { says: /3 linked/ }),
  command('listings match', ['shopify'], { first: async w => {
    for (const sku of ['A-1', 'A-2']) await w.post('/ingest/erp', { id: `c:${sku}`, sku, type: 'count', version: 1, quantity: 9 });
    await eventually('both are known', async () => (await w.plumb('operator', ['inspect', 'sku', 'A-2'])).code === 0, withinMs);
  } }),
  command('shadow start', ['shopify']),
  command('shadow report', ['shopify']),
  command('shadow stop', ['shopify']),
  command('shadow start', ['shopify']),
  command('reconcile report', ['shopify', '--read']),
  command('golive status'),
  command('golive check', ['shopify'], { first: async w => eventually('it was compared', async () => (await w.plumb('operator', ['golive', 'check', 'shopify'])).code === 0, withinMs) }),
  command('golive start', ['shopify']),
  command('inspect sku', ['A-1'], { first: async w => eventually('the shop shows the count', () => w.shop.shop.read('A-1')?.quantity === 9, withinMs) }),
  command('exposure', ['A-1', '--set', 'mirror']),
  { name: 'rules export', args: w => ['rules', 'export', join(w.folder, 'rules.csv')] },
  { name: 'rules import', args: async w => ['rules', 'import', await put(w, 'rules.csv', (await readFile(join(w.folder, 'rules.csv'), 'utf8')).replace(/^(A-2,shopify,\D*?)0/m, '$12'))] },
  command('rules set', ['A-1', 'shopify', '--buffer', '1']),
  command('rules show', ['A-1', '--history'], { first: async w => eventually('the rule counts', () => w.shop.shop.read('A-1')?.quantity === 8, withinMs) }),
  { name: 'ingest csv', args: async w => ['ingest', 'csv', await put(w, 'counts.csv', 'sku,quantity\nA-3,x\n'), '--source', 'erp'], code: 1, says: /1 rejected/ },
  { name: 'ingest file', args: async w => ['ingest', 'file', await put(w, 'one.json', JSON.stringify({ id: 'f', sku: 'A-3', type: 'count', version: 1, quantity: 5 })), '--source', 'erp', '--type', 'application/json'], says: /stored/ },
  command('freeze', ['shopify']),
  command('channel probe', ['shopify', '--write', '--listing', 'A-3'], { says: /kept: / }),
  command('drain', ['shopify']),
  command('resume', ['all']),
  command('hold show', ['shopify']),
  command('hold release', ['shopify', 'zero']),
  command('hold drop', ['shopify', 'raise']),
  command('hold undo', ['--source', 'erp', '--since', '10m'], { says: /numbers go back/ }),
  command('release', ['A-1'], { code: 1, says: /is not quarantined/ }),
  command('dead list', [], { says: /malformed/ }),
  onTask('show'),
  onTask('edit', async w => ['--raw', await put(w, 'right.json', JSON.stringify({ id: 'r', sku: 'A-3', type: 'count', version: 2, quantity: 5 }))]),
  { ...onTask('retry'), first: async w => {
    await w.post('/ingest/erp', { id: 'bad' });
    await eventually('it is a task', async () => (await w.plumb('operator', ['dead', 'list', '--class', 'malformed'])).stdout.includes('malformed'), withinMs);
  } },
  { ...onTask('dismiss', async () => ['--reason', 'tried']), first: async w => eventually('it is one again', async () => (await w.plumb('operator', ['dead', 'list', '--class', 'malformed'])).stdout.includes('malformed'), withinMs) },
  command('trace', ['A-1']),
  command('replay', ['A-1']),
  command('replay', ['--all', '--verify']),
  command('archive status', [], { first: async w => eventually('it is archived', async () => (await w.plumb('operator', ['archive', 'verify', 'SKU'])).code === 0, withinMs) }),
  { name: 'export', args: w => ['export', join(w.folder, `taken-out-${crypto.randomUUID()}`), '--journal'], says: /3 listings, 0 matches/ },
  command('config reload', [], { says: /n1: nothing to take up/ }),
  command('rebuild status', [], { code: 1, says: /nothing was rebuilt/ }),
];

/** Of the others, those that ask no broker, and `node`, `rebuild`, `console`, which are tried below. */
const elsewhere = ['channel list', 'config check', 'config print', 'config schema', 'console', 'decode', 'demo', 'keys', 'node', 'rebuild', 'sandbox', 'source list', 'source test', 'archive verify', 'archive restore', 'archive show'];

function namesOf(commands: readonly Command[], before = ''): string[] {
  return commands.flatMap(each => {
    const name = `${before}${each.name()}`;
    return each.commands.length === 0 || name === 'rebuild' ? [name, ...namesOf(each.commands, `${name} `)] : namesOf(each.commands, `${name} `);
  });
}

const others = ['node', 'rebuild', 'ops', 'erp'] as const;
/** What another role may as well: it changes nothing. */
const mayToo = new Set(['ops: inspect node', 'ops: inspect channel', 'ops: inspect sku', 'rebuild: archive status', 'ops: rebuild status', 'rebuild: rebuild status']);

test('every command works with the keys that are for it, beside a node that has everything switched on, and says so with others', async t => {
  t.timeout(300_000);
  t.deepEqual([...new Set([...steps.map(({ name }) => name), ...elsewhere])].sort(), namesOf(allCommands()).sort(), 'each is tried');
  const w = await world(t);
  await eventually('the account is owned', async () => (await w.plumb('operator', ['inspect', 'channel', 'shopify'])).code === 0, withinMs);
  for (const { name, args, code = 0, says = /./, first } of steps) {
    await first?.(w);
    const { code: ended, stdout, stderr } = await w.plumb('operator', await args(w));
    t.is(ended, code, `plumb ${name}: ${stdout}${stderr}`);
    t.regex(`${stdout}${stderr}`, says);
    t.notRegex(stderr, /keys/, `plumb ${name}`);
  }

  // The console's picture, and a button of it.
  const operator = await connect({ servers: w.server.url, inboxPrefix: '_INBOX_cli', ...accessOptions({ credentials: w.keys.operator }) });
  t.teardown(() => operator.close());
  const refused: string[] = [];
  void eachRefusal(operator, refusal => refused.push(refusalText(refusal)));
  const open = await openConsole(operator, { host: '127.0.0.1', port: 0, token }, pino({ level: 'silent' }));
  t.teardown(() => open.close());
  const press = (body: object): Promise<Response> => fetch(`${open.url}api/actions`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, body: JSON.stringify({ by: 'Ada', ...body }) });
  t.like(await (await press({ verb: 'freeze', account: 'shopify' })).json() as object, { ok: true });
  t.true((await fetch(`${open.url}api/sku/A-1`)).ok);
  let picture = '';
  for await (const chunk of (await fetch(`${open.url}events`)).body!.pipeThrough(new TextDecoderStream())) {
    picture += chunk;
    if (picture.includes('"account":"shopify"')) break;
  }
  t.deepEqual(refused, []);

  // Whoever has other keys is told so.
  const once = steps.filter(({ name }, n) => name !== 'doctor' && (!name.startsWith('dead ') || name === 'dead list') && steps.findIndex(each => each.name === name) === n);
  const tried = once.map((step, n) => ({ step, role: others[n % others.length]! })).filter(({ step: { name }, role }) => !mayToo.has(`${role}: ${name}`));
  await inBatches(tried, 4, async ({ step: { name, args }, role }) => {
    const { code, stdout, stderr } = await w.plumb(role, await args(w));
    t.is(code, 1, `${role}: plumb ${name}: ${stdout}${stderr}`);
    t.regex(stderr, /keys to (publish|hear) .*docs\/security\.md tells whose keys may|these keys are not for this command: docs\/security\.md/, `${role}: plumb ${name}`);
    t.notRegex(stderr, /^ +at /m, `${role}: plumb ${name}`);
  });
  for (const name of ['sku A-1', 'channel shopify', 'node n1']) t.is((await w.plumb('ops', ['inspect', ...name.split(' ')])).code, 0, name);

  t.true(w.traced() > 0, 'traces were told');
  t.regex(await (await fetch(`${w.node.metricsUrl}/metrics`)).text(), /plumb_archive_lag_seconds/);
  t.deepEqual(w.complaints.filter(line => line.includes('does not allow')), []);
});

test('a journal is made anew by the keys that are for that, and removed by no others', async t => {
  t.timeout(180_000);
  const w = await world(t);
  await w.post('/ingest/erp', { id: 'c', sku: 'A-1', type: 'count', version: 1, quantity: 9 });
  await eventually('it is archived', async () => (await w.plumb('operator', ['archive', 'show', 'SKU', '--sku', 'A-1'])).stdout.includes('"stock.counted"'), withinMs);
  await w.stop();
  const rebuild = ['rebuild', '--from-archive', '--discard', '--out', join(w.folder, 'unknown.csv')];
  // Who was there a moment ago counts as alive.
  await eventually('no node is alive', async () => !(await w.plumb('rebuild', ['rebuild', '--out', join(w.folder, 'none.csv')])).stderr.includes('alive'), withinMs);
  for (const role of ['operator', 'node', 'ops', 'erp'] as const) {
    const { code, stderr } = await w.plumb(role, rebuild);
    t.is(code, 1, role);
    t.regex(stderr, /docs\/security\.md/, role);
  }
  t.is((await w.plumb('operator', ['archive', 'status'])).code, 0, 'the journals are as they were');
  const { code, stdout, stderr } = await w.plumb('rebuild', rebuild);
  t.is(code, 0, stderr);
  t.notRegex(stderr, /keys/);
  t.regex(stdout, /3 SKUs with 3 listings are in the journal/);
  const again = await startNode(loadConfig(w.config), pino({ level: 'silent' }));
  t.teardown(() => again.stop());
  await eventually('its record is folded', async () => (await w.plumb('operator', ['inspect', 'sku', 'A-1'])).stdout.includes('onHand: 9'), withinMs);
  t.regex((await w.plumb('operator', ['rebuild', 'status'])).stdout, /^rebuilt from archive/);
});
