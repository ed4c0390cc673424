/** Who may do what at the broker, tried on a running server with the accounts that ship. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { connect, PermissionViolationError } from 'nats';
import type { NatsConnection } from 'nats';
import { pino } from 'pino';
import { configSchema } from '../../config/config.ts';
import { accessOptions } from '../../deploy/nats/access.ts';
import { startNode } from '../../deploy/node.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import { shopifySandbox } from '../../deploy/sandbox/shopify.ts';
import { declared } from '../../deploy/streams.ts';
import { skuRecordSubject } from '../../runtime/subjects.ts';
import { runPlumb } from '../deploy/plumb.ts';
import { eventually } from '../runtime/broker.ts';
import { guardedServer } from './keys.ts';
import type { Guarded, Role } from './keys.ts';

async function join(t: ExecutionContext, { server, keys }: Guarded, role: Role, inboxPrefix = '_INBOX'): Promise<NatsConnection> {
  const nc = await connect({ servers: server.url, inboxPrefix, ...accessOptions({ credentials: keys[role] }) });
  t.teardown(() => nc.close());
  return nc;
}

/** Violations that the server tells of, in its order. */
function violations(nc: NatsConnection): string[] {
  const told: string[] = [];
  void (async () => {
    for await (const status of nc.status()) if (status.type === 'error' && status.error instanceof PermissionViolationError) told.push(`${status.error.operation} ${status.error.subject}`);
  })();
  return told;
}

const json = (value: object): string => JSON.stringify(value);

test('a node works under its permissions, an ERP states counts, ops see them, the operator presses buttons', async t => {
  const guarded = await guardedServer(t);
  const { server, keys } = guarded;
  const vendor = shopifySandbox({ account: 'shopify', clock: new SandboxClock(60) });
  const shop = await startSandbox(vendor);
  t.teardown(() => shop.close());
  shop.shop.addListing('A-1', 3);
  const complaints: { msg: string }[] = [];
  const log = pino({ level: 'warn' }, { write: line => { complaints.push(JSON.parse(line) as { msg: string }); } });
  const node = await startNode(configSchema.parse({
    nats: { url: server.url, credentials: keys.node }, node: { id: 'n1' }, timeScale: 60, sources: [{ source: 'erp' }], debounce: { quietMs: 0, hardMs: 0 },
    accounts: [{ account: 'shopify', channel: 'shopify', baseUrl: shop.url, credentials: vendor.credentials, settings: vendor.settings, stage: 'live' }],
  }), log);
  t.teardown(() => node.stop());

  const env = { NATS_URL: server.url, NATS_NKEY: keys.operator };
  await eventually('the account is owned', async () => (await runPlumb(['inspect', 'channel', 'shopify'], env)).code === 0, 60_000);
  const operator = await join(t, guarded, 'operator', '_INBOX_cli');
  t.deepEqual((await operator.request('control.channel.shopify', 'import', { timeout: 20_000 })).json(), { ok: true, linked: 1 });

  const erp = await join(t, guarded, 'erp');
  const ack = await jetstream(erp).publish('ingest.erp', json({ id: 'e1', sku: 'A-1', type: 'count', version: 1, quantity: 9 }));
  t.is(ack.stream, 'INGEST');
  await eventually('the shop shows the count', () => shop.shop.read('A-1')?.quantity === 9, 60_000);

  const ops = await join(t, guarded, 'ops');
  const alerts = ops.subscribe('dead.>', { max: 1 });
  await ops.flush();
  t.deepEqual(((await ops.request('inspect.node.n1', '', { timeout: 5_000 })).json<{ accounts: string[] }>()).accounts, ['shopify']);
  const read = await (await jetstreamManager(ops, { checkAPI: false })).direct.getMessage('KV_sku', { last_by_subj: skuRecordSubject('A-1') });
  t.regex(read!.string(), /"quantity":9/);
  await jetstream(erp).publish('ingest.erp', '{');
  for await (const message of alerts) t.regex(message.subject, /^dead\.malformed\.erp\./);

  for (const args of [['freeze', 'shopify'], ['resume', 'shopify'], ['dead', 'list'], ['rules', 'set', 'A-1', 'shopify', '--buffer', '1'], ['trace', 'A-1'], ['replay', 'A-1']]) {
    const { code, stdout, stderr } = await runPlumb(args, env);
    t.is(code, 0, `plumb ${args.join(' ')}: ${stdout}${stderr}`);
  }
  await eventually('the rule counts', () => shop.shop.read('A-1')?.quantity === 8, 60_000);
  t.deepEqual(complaints.filter(({ msg }) => msg.includes('does not allow')), []);
});

const ofOthers = ['sku.1.A', 'attempt.shopify.A', 'drift.high.shopify.A', 'dead.malformed.erp.x', 'ask.erp.A', 'exposure.A', '$KV.sku.1.A', '$KV.listing.shopify.A', '$KV.settings.sku', '$KV.member.n9', 'control.channel.shopify', 'control.node.n1', 'control.source.erp'];
const ofServers = ['STREAM.DELETE.SKU', 'STREAM.PURGE.SKU', 'STREAM.UPDATE.SKU', 'STREAM.MSG.DELETE.SKU', 'STREAM.SNAPSHOT.SKU', 'STREAM.RESTORE.SKU', 'STREAM.LEADER.STEPDOWN.SKU', 'CONSUMER.DURABLE.CREATE.SKU.c', 'META.LEADER.STEPDOWN', 'ACCOUNT.PURGE.PLUMB'].map(name => `$JS.API.${name}`);

test('who may only look or only state writes nothing else, by no way', async t => {
  const guarded = await guardedServer(t);
  const admin = await join(t, guarded, 'node', '_INBOX_node.admin');
  const jsm = await jetstreamManager(admin);
  for (const stream of declared) await jsm.streams.add(stream);
  await jetstream(admin).publish('sku.1.A', 'a fact');
  const heard: string[] = [];
  for (const subject of ['control.>', 'inspect.>']) admin.subscribe(subject, { callback: (_, message) => { heard.push(message.subject); message.respond('answer'); } });
  await admin.flush();
  const state = async (): Promise<object> => Object.fromEntries(await Promise.all(declared.map(async ({ name }) => {
    const { state: { messages, last_seq: last } } = await jsm.streams.info(name);
    return [name, { messages, last }] as const;
  })));
  const before = await state();

  const [ops, erp] = [await join(t, guarded, 'ops'), await join(t, guarded, 'erp')];
  for (const nc of [ops, erp]) {
    for (const subject of [...ofOthers, ...ofServers, ...(nc === ops ? ['ingest.erp'] : []), 'ingest.other']) {
      nc.publish(subject, '{}');
      await t.throwsAsync(jetstream(nc).publish(subject, '{}', { timeout: 200 }), undefined, `${subject} must be taken by nobody`);
    }
  }
  // An answer goes where the question says: not into a stream, and to nobody who obeys.
  for (const reply of ['ingest.erp', 'sku.1.A', '$KV.sku.1.A', 'control.channel.shopify', '$JS.API.STREAM.PURGE.SKU']) {
    for (const subject of ['inspect.node.n1', '$JS.API.STREAM.INFO.SKU', '$JS.API.DIRECT.GET.SKU.sku.1.A']) ops.publish(subject, '', { reply });
    erp.publish('$JS.API.DIRECT.GET.SKU.sku.1.A', '', { reply });
  }
  // Nor does a consumer, which delivers to any subject.
  await t.throwsAsync((await jetstreamManager(ops, { checkAPI: false, timeout: 500 })).consumers.add('SKU', { name: 'c', deliver_subject: 'ingest.erp' }));
  await t.throwsAsync((await jetstreamManager(erp, { checkAPI: false, timeout: 500 })).consumers.add('ASK', { name: 'c', deliver_subject: 'ingest.erp' }));
  // An ERP reads nothing but what it is asked for.
  await t.throwsAsync(erp.request('inspect.node.n1', '', { timeout: 500 }));
  await t.throwsAsync((await jetstreamManager(erp, { checkAPI: false, timeout: 500 })).direct.getMessage('SKU', { seq: 1 }));
  const asked: string[] = [];
  for (const subject of ['ask.>', 'sku.>', 'dead.>', 'drift.>', '>']) erp.subscribe(subject, { callback: (_, message) => { asked.push(message.subject); } });
  await Promise.all([ops.flush(), erp.flush()]);
  for (const subject of ['ask.erp.A', 'ask.other.A', 'sku.1.B', 'drift.high.a.b']) await jetstream(admin).publish(subject, '{}');
  await eventually('the ERP hears its question', () => asked.includes('ask.erp.A'), 30_000);
  t.deepEqual(new Set(asked), new Set(['ask.erp.A']));

  const after = await state() as Record<string, { messages: number; last: number }>;
  const own = { ASK: 2, SKU: 1, ALERT: 1 } as Record<string, number>;
  t.deepEqual(Object.fromEntries(Object.entries(after).map(([name, { messages, last }]) => [name, { messages: messages - (own[name] ?? 0), last: last - (own[name] ?? 0) }])), before);
  t.deepEqual(heard.filter(subject => subject.startsWith('control.')), []);
});

test('a node and an operator neither remove nor change a stream, a rebuild does nothing else, and a stranger is not let in', async t => {
  const guarded = await guardedServer(t);
  const node = await join(t, guarded, 'node', '_INBOX_node.n1');
  await (await jetstreamManager(node)).streams.add(declared.find(({ name }) => name === 'SKU')!);
  const operator = await join(t, guarded, 'operator', '_INBOX_cli');
  const rebuild = await join(t, guarded, 'rebuild', '_INBOX_cli');
  const ofNodes = ['attempt.shopify.A', 'drift.high.shopify.A', 'exposure.A', '$KV.sku.1.A', '$KV.member.n9', '$KV.shadow.shopify.A', '$KV.channel.shopify._epoch', '$KV.channel.shopify.stage', 'other.x'];
  const removes = '$JS.API.STREAM.DELETE.NONE';
  for (const [nc, own, refused] of [
    [node, ['sku.1.A'], [...ofServers, removes, 'other.x', 'control.node.n2']],
    [operator, ['sku.1.A', 'ask.erp.A', '$KV.listing.rules.shopify.A', '$KV.channel.files=2Eerp.state', '$KV.channel.probe.shopify', 'attempt.shopify._control', 'control.node.n1'],
      [...ofServers, ...ofNodes, removes, '$JS.API.STREAM.CREATE.X', '$KV.settings.sku', '$KV.listing.shopify.A', '$KV.channel._rebuild.state']],
    [rebuild, ['sku.1.A', '$KV.channel._rebuild.state', '$KV.listing.shopify.A', removes],
      [...ofServers.filter(subject => !subject.includes('STREAM.DELETE')), ...ofNodes, 'ingest.erp', 'control.channel.shopify', 'inspect.node.n1', '$KV.channel.shopify.state', '$JS.API.CONSUMER.CREATE.SKU.c', '$JS.API.DIRECT.GET.SKU']],
  ] as const) {
    const told = violations(nc);
    for (const subject of [...own, ...refused]) nc.publish(subject, '{}');
    // What is not theirs to hear: each other's answers, and commands.
    const others = nc === node ? ['_INBOX_cli.>', '>'] : ['_INBOX_node.>', 'control.>', '>'];
    for (const subject of others) nc.subscribe(subject);
    await nc.flush();
    await eventually('the last violation is told', () => told.includes('subscription >'), 30_000);
    t.deepEqual(told, [...refused.map(subject => `publish ${subject}`), ...others.map(subject => `subscription ${subject}`)]);
  }
  for (const credentials of [undefined, (await guardedServer(t)).keys.node]) {
    await t.throwsAsync(connect({ servers: guarded.server.url, reconnect: false, ...accessOptions({ credentials }) }), { name: 'AuthorizationError' });
  }
});
