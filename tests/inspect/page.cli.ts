/** Every command of docs/inspect.md, run in its order with the real `nats` CLI against a small setup. */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { eventually } from '../runtime/broker.ts';
import { smallWorld } from './small-world.ts';
import type { SmallWorld } from './small-world.ts';

const page = await readFile(new URL('../../docs/inspect.md', import.meta.url), 'utf8');
const commands = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block]) => block!.trim().split('\n'));
const launcher = fileURLToPath(new URL('../../deploy/cli/plumb.js', import.meta.url));

/** What a command must print. `meanwhile`: it goes on for ever, this is what makes it say something. */
interface Expected { prints: readonly RegExp[]; meanwhile?: (world: SmallWorld) => void | Promise<void> }
const prints = (...patterns: RegExp[]): Expected => ({ prints: patterns });

let edits = 40;
const editAtEbay = ({ shops }: SmallWorld): void => shops.ebay.shop.edit('85123A', edits++);
const nothing = (): void => {};
const drift = /"account":"ebay","sku":"85123A",.*"class":"foreign-edit","severity":"high".*"state":"open"/;

const expected: Record<string, Expected> = {
  'nats micro ls': prints(/│ plumb\b.*Plumb node/),
  'nats micro info plumb': prints(/node: n1/, /Subject: inspect\.sku\.\*/),
  'nats micro stats plumb': prints(/│ sku +│/, /│ node +│/),
  "nats req inspect.node.n1 '' --raw": prints(/"node":"n1".*"accounts":\["ebay","shopify"\],"sources":\["erp"\]/),
  'plumb inspect node n1': prints(/^node: n1$/m, /^ {2}- shopify$/m),
  'nats kv ls member': prints(/^n1$/m),
  'plumb inspect sku 85123A': prints(/^partition: 41$/m, /onHand: 9/),
  "nats req inspect.sku.85123A '' --raw": prints(/^\{"partition":41,.*"onHand":9/m),
  'nats kv get sku 41.85123A --raw': prints(/"sku":"85123A".*"onHand":9/),
  'plumb trace 85123A': prints(/ebay {2}eby-\w{24} {2}proven after/, /shopify {2}shp-\w{24} {2}proven after/, /source .*"id":"e1"/, /it shows 8/),
  'plumb replay 85123A --diff': prints(/onHand: was nothing, is 9/, /the stored record is the fold of its journal/),
  'plumb replay --all --verify': prints(/^4 SKUs, \d+ journal messages: every record is the fold of its journal$/m),
  'plumb inspect channel ebay': prints(/^state: serving$/m, /^lanes:\n {2}zero: 0$/m, /^budgets:$/m),
  "nats req inspect.channel.ebay '' --raw": prints(/"account":"ebay".*"lanes":\{"zero":0,.*"drift":\{"open":\{\}/),
  'nats kv get channel ebay.state --raw': prints(/"account":"ebay".*"state":"serving".*"buckets":/),
  'nats kv get channel ebay.findings --raw': prints(/\{"v":1,"findings":\{/),
  'nats req control.channel.ebay held --raw': prints(/"ok":true,"held":\[\]/),
  'nats req control.channel.ebay watched --raw': prints(/"ok":true,"everyMs":10000,"skus":\[.*"85123A"/),
  'nats stream report': prints(/│ INGEST /, /│ SKU /, /│ ATTEMPT /, /│ ALERT /, /│ DEAD /, /│ ASK /),
  "nats stream view SKU 25 --subject 'sku.*.85123A' --translate 'plumb decode'": prints(/\{"type":"stock\.counted","source":"erp","position":1,"quantity":9\}/),
  'nats stream view INGEST 25': prints(/\{"id":"e1","sku":"85123A"/),
  "nats sub --stream ATTEMPT 'attempt.ebay.>' --all --translate 'plumb decode'": { prints: [/\{"op":"write","account":"ebay","sku":"85123A","signature":"eby-.*"exchanges":/], meanwhile: nothing },
  "nats sub 'attempt.*.85123A' --last-per-subject --raw --translate 'plumb decode'": { prints: [/"account":"ebay","sku":"85123A"/, /"account":"shopify","sku":"85123A"/], meanwhile: nothing },
  "nats sub 'kvpub.sku.>'": {
    prints: [/"sku":"17940G".*"onHand":11/],
    meanwhile: world => world.say({ id: 'e11', sku: '17940G', type: 'count', version: 2, quantity: 11 }),
  },
  'nats consumer report SKU': prints(/│ feed-n1-/),
  "nats sub 'drift.high.>'": { prints: [drift], meanwhile: editAtEbay },
  "nats sub 'drift.*.ebay.>'": { prints: [drift], meanwhile: editAtEbay },
  "nats sub 'drift.*.*.85123A'": { prints: [drift], meanwhile: editAtEbay },
  "nats sub --stream ALERT 'drift.>' --all --raw": { prints: [drift, /"state":"resolved"/], meanwhile: nothing },
  'plumb freeze ebay --by ops': prints(/^ebay: frozen, nothing is written$/m),
  "nats req control.channel.ebay 'resume ops' --raw": prints(/\{"ok":true,"state":"serving"/),
  'plumb freeze all --by ops': prints(/^ebay: frozen/m, /^shopify: frozen/m),
  'plumb resume all --by ops': prints(/^ebay: serving/m, /^shopify: serving/m),
  'plumb drain shopify --by ops': prints(/^shopify: emptying 4 listings/m),
  'plumb resume shopify --by ops': prints(/^shopify: serving; filling 4 listings/m),
  "nats sub --stream ATTEMPT 'attempt.*._control' --all --raw --translate 'plumb decode'": { prints: [/"op":"freeze","account":"ebay","by":"ops"/, /"op":"drain","account":"shopify","by":"ops"/], meanwhile: nothing },
  'plumb hold show ebay': prints(/│ C[12] +│/),
  'plumb hold drop ebay zero --by ops': prints(/\d listings?/),
  'plumb hold undo --source erp --since 1m --dry-run': prints(/^C1: /m, /\d numbers would go back, \d stay$/m),
  'plumb dead list': prints(/malformed .*erp .*quantity/),
  "nats req control.dead '{\"verb\":\"list\"}' --raw": prints(/"class":"malformed"/),
  "nats sub --stream DEAD 'dead.>' --all --raw": { prints: [/"class":"malformed","source":"erp"/], meanwhile: nothing },
  "plumb dead dismiss --class malformed --by ops --reason 'the sender was mended'": prints(/^[\w-]+: dismissed$/m),
  'curl -s http://127.0.0.1:9464/metrics': prints(/^plumb_node_units\{kind="sku",node="n1"\} 64$/m),
  'curl -s http://127.0.0.1:9464/healthz': prints(/^\{"ok":true,"node":"n1"\}$/),
  'curl -s http://127.0.0.1:9464/readyz': prints(/^\{"ok":true,"node":"n1"\}$/),
};

/** What must be so before a command is run, beside what those before it did. */
const before: Record<string, (world: SmallWorld) => Promise<void>> = {
  // Two listings at once are more than the governor lets go to zero.
  'plumb hold show ebay': async world => {
    for (const account of ['ebay', 'shopify']) await world.proven(account, { C1: 5, C2: 5 });
    for (const sku of ['C1', 'C2']) await world.say({ id: `zero-${sku}`, sku, type: 'count', version: 2, quantity: 0 });
    await eventually('the batch is held', async () => ((await world.nc.request('control.channel.ebay', 'held')).json<{ held: unknown[] }>()).held.length > 0);
  },
  'plumb dead list': world => world.js.publish('ingest.erp', '{"id":"bad","sku":"85123A","type":"count","version":9,"quantity":"ten"}').then(async () => {
    await eventually('the task is open', async () => (await world.bodies('DEAD')).some(body => body['class'] === 'malformed'));
  }),
};

test.serial('the page and its commands\' checks name the same commands', t => {
  t.deepEqual([...commands].sort(), Object.keys(expected).sort());
  t.deepEqual(Object.keys(before).filter(command => !commands.includes(command)), []);
});

test.serial('every command of the page says what the page promises, with the keys of an operator', async t => {
  t.timeout(300_000);
  const world = await smallWorld(t, ['85123A', '17940G', 'C1', 'C2'], { metrics: { port: 0 }, governor: { zero: { share: 0, least: 1 }, raise: { share: 1, least: 100 } } }, { guarded: true });
  const env = await environment(t, world);
  const version = await run('nats --version', env, []);
  t.regex(version.out, /^v?\d+\.\d+/, 'the nats CLI is on the PATH: go install github.com/nats-io/natscli/nats@v0.5.0');
  await world.say({ id: 'e1', sku: '85123A', type: 'count', version: 1, quantity: 9 });
  await world.say({ id: 'e2', sku: '17940G', type: 'count', version: 1, quantity: 5 });
  for (const sku of ['C1', 'C2']) await world.say({ id: `one-${sku}`, sku, type: 'count', version: 1, quantity: 6 });
  for (const account of ['ebay', 'shopify']) await world.proven(account, { '85123A': 8, '17940G': 4, C1: 5, C2: 5 });
  editAtEbay(world);
  await eventually('a finding was closed', async () => (await world.bodies('ALERT')).some(({ state }) => state === 'resolved'), 30_000);

  for (const command of commands) {
    await before[command]?.(world);
    const { prints: patterns, meanwhile } = expected[command]!;
    const { code, out } = await run(command.replace('http://127.0.0.1:9464', world.node.metricsUrl!), env, patterns, meanwhile && (() => meanwhile(world)));
    for (const pattern of patterns) t.regex(out, pattern, command);
    if (!meanwhile) t.is(code, 0, `${command}\n${out}`);
    // A finding is closed before the next edit, which is another one then.
    if (meanwhile === editAtEbay) await eventually('the edit is mended', async () => {
      // A promise that is about to be broken, on a slow machine, is told there too.
      const told = (await world.bodies('ALERT')).filter(each => each['class'] !== 'progress');
      const ids = (state: string): Set<unknown> => new Set(told.filter(each => each['state'] === state).map(({ id }) => id));
      return ids('open').isSubsetOf(ids('resolved'));
    }, 30_000);
  }
});

test.serial('the page names every figure that a node tells, and no other', async t => {
  const world = await smallWorld(t, ['A'], { metrics: { port: 0 } });
  const text = await (await fetch(`${world.node.metricsUrl}/metrics`)).text();
  const told = [...text.matchAll(/^# TYPE (plumb_\S+)/gm)].map(([, name]) => name!);
  const named = [...page.slice(page.indexOf('| metric |')).matchAll(/`(plumb_[a-z_]+)`/g)].map(([, name]) => name!);
  t.deepEqual(named.sort(), told.sort());
});

/** `plumb` on the PATH, the broker's address, an operator's keys, and a home of its own for the CLI. */
async function environment(t: ExecutionContext, { server, operatorKey }: SmallWorld): Promise<NodeJS.ProcessEnv> {
  const home = await mkdtemp(join(tmpdir(), 'plumb-inspect-'));
  t.teardown(() => rm(home, { recursive: true, force: true }));
  const script = join(home, 'plumb');
  await writeFile(script, `#!/bin/sh\nexec '${process.execPath}' '${launcher}' "$@"\n`);
  await chmod(script, 0o755);
  const goBin = join(process.env['HOME'] ?? '', 'go', 'bin');
  return {
    ...process.env, PATH: [home, process.env['PATH'], goBin].join(delimiter), NATS_URL: server.url, NATS_NKEY: operatorKey, HOME: home, XDG_CONFIG_HOME: home, NO_COLOR: '1', FORCE_COLOR: '0', TERM: 'dumb',
  };
}

/** Runs a command as at a terminal; one that goes on for ever until it has printed what it should, 30 s at most. */
function run(command: string, env: NodeJS.ProcessEnv, patterns: readonly RegExp[], meanwhile?: () => void | Promise<void>): Promise<{ code: number | null; out: string }> {
  // Pages of `stream view` are for terminals only.
  const [file, args] = command.startsWith('nats stream view') ? ['script', ['-qec', command, '/dev/null']] : ['sh', ['-c', `exec ${command}`]];
  return new Promise((resolve, reject) => {
    const child = spawn(file as string, args as string[], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const over = setTimeout(() => child.kill('SIGKILL'), 30_000);
    let out = '';
    let told = false;
    const heard = (chunk: Buffer): void => {
      out += chunk.toString().replaceAll('\r\n', '\n');
      if (!meanwhile) return;
      if (!told && /Subscribing/.test(out)) {
        told = true;
        Promise.resolve(meanwhile()).catch(reject);
      }
      if (told && patterns.every(pattern => pattern.test(out))) child.kill('SIGINT');
    };
    child.stdout!.on('data', heard);
    child.stderr!.on('data', heard);
    child.on('error', reject);
    child.on('close', code => {
      clearTimeout(over);
      resolve({ code, out });
    });
  });
}
