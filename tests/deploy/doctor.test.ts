/** `plumb doctor` in a world that is whole, and in worlds that are broken in one place each. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { connect } from 'nats';
import { readConfig } from '../../config/file.ts';
import { examine } from '../../deploy/doctor/doctor.ts';
import type { Finding } from '../../deploy/doctor/finding.ts';
import { accessOptions } from '../../deploy/nats/access.ts';
import { startNats } from '../../deploy/nats/server.ts';
import { ebaySandbox } from '../../deploy/sandbox/ebay.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { startSandbox } from '../../deploy/sandbox/kit/server.ts';
import type { RunningSandbox } from '../../deploy/sandbox/kit/server.ts';
import { startNode } from '../../deploy/node.ts';
import { ensureStreams } from '../../deploy/streams.ts';
import { listingSubject } from '../../runtime/subjects.ts';
import { folderOf, guardOf, guardedServer, includeOf } from '../nats/keys.ts';
import { eventually, startBroker } from '../runtime/broker.ts';
import type { Broker } from '../runtime/broker.ts';
import { runPlumb } from './plumb.ts';

interface World extends Broker {
  shop: RunningSandbox;
  folder: string;
  /** Writes the file, with what is to be otherwise. */
  configured(more?: object): Promise<string>;
  findings(more?: object, now?: () => number): Promise<Finding[]>;
}

async function world(t: ExecutionContext): Promise<World> {
  const broker = await startBroker(t);
  const folder = await folderOf(t);
  const vendor = ebaySandbox({ account: 'ebay', clock: new SandboxClock(60) });
  const shop = await startSandbox(vendor);
  t.teardown(() => shop.close());
  shop.shop.addListing('A-1', 3);
  const configured = async (more: object = {}): Promise<string> => {
    const file = join(folder, 'plumb.yaml');
    await writeFile(file, JSON.stringify({
      nats: { url: broker.server.url, monitoring: [broker.server.monitoringUrl] }, node: { id: 'n1' }, timeScale: 60, secretsDir: join(folder, 'tokens'), sources: [{ source: 'erp' }],
      accounts: [{ account: 'ebay', channel: 'ebay', baseUrl: shop.url, credentials: vendor.credentials, settings: vendor.settings }], ...more,
    }));
    return file;
  };
  await mkdir(join(folder, 'tokens'), { mode: 0o700 });
  return { ...broker, shop, folder, configured, findings: async (more, now = Date.now) => examine(readConfig(await configured(more)), { now, asksChannels: true }) };
}

const of = (findings: Finding[], area: Finding['area']): Finding[] => findings.filter(finding => finding.area === area);
const failed = (findings: Finding[]): string[] => findings.filter(({ state }) => state === 'fail').map(({ area, told }) => `${area}: ${told}`);

test('where all is well nothing fails, and what to know is said with what to do', async t => {
  const w = await world(t);
  await w.js.publish('ingest.erp', '{}');
  const before = await w.jsm.streams.info('SKU');
  const findings = await w.findings();
  t.deepEqual(failed(findings), []);
  for (const area of ['broker', 'permissions', 'streams', 'clock', 'sources', 'rates', 'disk'] as const) t.true(of(findings, area).every(({ state }) => state === 'ok') && of(findings, area).length > 0, `${area}: ${JSON.stringify(of(findings, area))}`);
  t.deepEqual(of(findings, 'tls').map(({ state, told }) => [state, told]), [['ok', 'the connection to the broker is not encrypted: whoever is between can read and change what is said, on this machine']]);
  t.regex(of(findings, 'permissions')[0]!.told, /^the broker asks nobody who comes: .* on this machine$/);
  t.regex(of(findings, 'flush')[0]!.told, /flushes every 120000 ms/);
  t.deepEqual(of(findings, 'nodes'), [{ area: 'nodes', state: 'warn', told: 'none is running', act: 'plumb node --config <file>' }]);
  t.deepEqual((await w.jsm.streams.info('SKU')).state.last_seq, before.state.last_seq, 'what it tries stores nothing');
  const { code, stdout } = await runPlumb(['doctor', '--config', await w.configured(), '--json']);
  t.is(code, 0, stdout);
  t.is((JSON.parse(stdout) as { failed: number }).failed, 0);
});

test('a missing and a changed stream, a wrong clock, a folder that others read and a lazy broker are told', async t => {
  const w = await world(t);
  await chmod(join(w.folder, 'tokens'), 0o755);
  await w.jsm.streams.delete('ASK');
  await w.jsm.streams.update('DEAD', { max_age: 60_000_000_000, duplicate_window: 1_000_000_000 });
  const { url, monitoringUrl } = w.server;
  const told = failed(await w.findings({ nats: { url, monitoring: [monitoringUrl], requireFlush: true } }, () => Date.now() + 90_000));
  t.deepEqual(told.map(line => line.replace(/\d{5}(?= ms ahead)/, '9….').replace(w.folder, '')), [
    'flush: plumb flushes every 120000 ms: a power cut loses what was acknowledged since',
    'streams: missing: ASK',
    'streams: stream DEAD: max_age is 60000000000, wanted 0. Change it with \'nats stream edit\', or use a server that honours it (2.11 or later).',
    'clock: this machine is 9…. ms ahead of the broker',
    'tokens: others may look into /tokens (mode 755)',
  ]);
  const { code, stdout, stderr } = await runPlumb(['doctor', '--config', await w.configured(), '--no-channels']);
  t.is(code, 1);
  t.regex(stdout, /FAIL {2}streams {8}missing: ASK\n {21}→ what they held is gone/);
  t.regex(stderr, /checks failed/);
});

test('a token that was revoked is told before a node needs it, and by the node that keeps the account', async t => {
  const w = await world(t);
  const response = await fetch(`${w.shop.url}/_sandbox/faults`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ kind: 'revoke', forMs: 3_600_000 }) });
  t.true(response.ok);
  const free = await w.findings();
  t.regex(failed(free).join('\n'), /^tokens: ebay: token: AuthError/);
  const node = await startNode(readConfig(await w.configured()).config, w.log);
  t.teardown(() => node.stop());
  await eventually('the node has been refused', async () => {
    const reply = await w.nc.request('inspect.channel.ebay', '', { timeout: 1_000 }).catch(() => undefined);
    return reply?.json<{ state: string }>().state === 'unauthorised';
  }, 60_000);
  // It tries again now and then, and is refused again.
  await eventually('the doctor says so', async () => failed(await w.findings()).includes('tokens: ebay: the channel refuses its token'), 60_000);
  t.deepEqual(of(await w.findings(), 'nodes').map(({ state }) => state), ['ok']);
});

test('a quota that cannot keep the promised age of proof is told, with an age that it can keep', async t => {
  const w = await world(t);
  for (let n = 0; n < 200; n++) await w.publisher.publish(listingSubject('ebay', `S-${n}`), Buffer.from('{}'));
  const [rate] = of(await w.findings({ reconcile: { maxProofAgeMs: 1 } }), 'rates');
  t.is(rate!.state, 'fail');
  t.regex(rate!.told, /^ebay: the read rate cannot keep the promised age of proof, [\d.]+ times as much would; 200 listings/);
  const [, wanted] = /reconcile\.maxProofAgeMs: (\d+)/.exec(rate!.act!)!;
  t.is(of(await w.findings({ reconcile: { maxProofAgeMs: Number(wanted) } }), 'rates')[0]!.state, 'ok');
});

test('a disk that is full is told', async t => {
  const folder = await folderOf(t);
  const server = await startNats({ storeDir: join(folder, 'js'), maxFileBytes: 4 * 2 ** 20 });
  t.teardown(() => server.stop());
  const nc = await connect({ servers: server.url });
  t.teardown(() => nc.close());
  await ensureStreams(nc);
  await t.throwsAsync((async () => { for (;;) await jetstream(nc).publish('ingest.erp', new Uint8Array(512 * 1024)); })());
  const file = join(folder, 'plumb.yaml');
  await writeFile(file, JSON.stringify({ nats: { url: server.url, monitoring: [server.monitoringUrl] }, node: { id: 'n1' } }));
  const told = failed(await examine(readConfig(file), { now: Date.now, asksChannels: true }));
  t.true(told.some(line => /^disk: plumb has used \d+ % of 0\.0 GiB|^disk: nothing can be stored/.test(line)), told.join('\n'));
});

test('keys that do not allow what a node needs are told by subject, and none at all as such', async t => {
  const { server, folder, keys } = await guardedServer(t);
  const admin = await connect({ servers: server.url, inboxPrefix: '_INBOX_node.x', ...accessOptions({ credentials: keys.node }) });
  t.teardown(() => admin.close());
  await ensureStreams(admin);
  t.is((await (await jetstreamManager(admin)).streams.info('SKU')).state.messages, 0);
  const file = join(folder, 'plumb.yaml');
  const examined = async (nats: object): Promise<Finding[]> => {
    await writeFile(file, JSON.stringify({ nats: { url: server.url, ...nats }, node: { id: 'n1' } }));
    return examine(readConfig(file), { now: Date.now, asksChannels: true });
  };
  const right = await examined({ credentials: keys.node });
  t.deepEqual(failed(right), []);
  t.deepEqual(of(right, 'permissions').map(({ state, told }) => [state, told.replace(/\d+/, '…')]), [['ok', 'all … kinds of subject that a node needs are allowed']]);
  const [wrong, more] = of(await examined({ credentials: keys.operator }), 'permissions') as [Finding, Finding];
  t.deepEqual([more.state, more.told], ['warn', 'these keys allow more than a node needs: to publish control.node._doctor']);
  t.is(wrong.state, 'fail');
  for (const subject of ['to publish $KV.sku.0._doctor', 'to publish $JS.API.STREAM.CREATE._doctor', 'to hear control.node._doctor']) t.true(wrong.told.includes(subject), wrong.told);
  t.regex(failed(await examined({})).join(), /^permissions: nats:.*Authorization/i);
  t.regex(failed(await examined({ url: 'nats://127.0.0.1:1' })).join(), /^broker: nats:\/\/127\.0\.0\.1:1: /);
});

test('an encrypted connection is told with the end of the certificate, thirty days before it as what to do', async t => {
  const folder = await folderOf(t);
  const { guard: { env }, keys, ca } = await guardOf(join(folder, 'keys'));
  const accounts = includeOf(fileURLToPath(new URL('../../deploy/nats/accounts.conf', import.meta.url)));
  const server = await startNats({ storeDir: join(folder, 'js'), env, extraConfig: `${accounts}\ntls { cert_file: $NATS_CERT, key_file: $NATS_KEY }` });
  t.teardown(() => server.stop());
  const file = join(folder, 'plumb.yaml');
  await writeFile(file, JSON.stringify({ nats: { url: server.url, credentials: keys.node, tls: { ca } }, node: { id: 'n1' } }));
  const told = async (aheadDays: number): Promise<unknown[]> => of(await examine(readConfig(file), { now: () => Date.now() + aheadDays * 86_400_000, asksChannels: true }), 'tls').map(({ state, told: text, act = '' }) => [state, text.replace(/:\d+/, '').replace(/\d{4}-\d\d-\d\d/, 'then'), act]);
  t.deepEqual(await told(0), [['ok', 'encrypted: the certificate of 127.0.0.1 is good until then', '']]);
  t.deepEqual(await told(701), [['warn', 'encrypted: the certificate of 127.0.0.1 is good until then', 'make the next one (docs/deployment.md), and nats-server --signal reload']]);
});

test('what a test listing showed of an account is told, and what to do where it was not kept, or nobody has looked', async t => {
  const w = await world(t);
  const check = { id: 'outdated', asks: 'is a write on an outdated quantity refused', held: false, told: 'a write of 5 was answered with applied; a read gives 5' };
  const judged = { at: Date.UTC(2026, 0, 2), sku: 'T', kind: 'swap', verdict: 'kept', checks: [{ ...check, held: true }] };
  let promise: object = { listing: 'T', overdueMs: 0, judged };
  w.nc.subscribe('inspect.channel.ebay', { callback: (_error, message) => { message.respond(JSON.stringify({ node: 'n1', state: 'serving', listings: 1, proofBudget: { load: 0.1, sweepMs: 10 }, promise })); } });
  await w.nc.flush();
  const told = async () => of(await w.findings(), 'promises').map(({ state, told: text, act }) => [state, text, act]);
  t.deepEqual(await told(), [['ok', 'ebay: 2026-01-02T00:00:00.000Z T showed its writes (swap) to be kept', undefined]]);
  promise = { listing: 'T', overdueMs: 0, judged: { ...judged, verdict: 'broken', checks: [check] } };
  t.deepEqual(await told(), [['fail', `ebay: 2026-01-02T00:00:00.000Z T showed its writes (swap) to be broken: ${check.asks}? No: ${check.told}`, 'plumb dead list --class promise; docs/exposure.md']]);
  const act = "nats req control.channel.ebay 'probe <who>' looks now";
  promise = { listing: 'T', overdueMs: 3 * 86_400_000, judged, failed: { at: 1, why: 'listing T is not for sale' } };
  t.deepEqual(await told(), [['warn', 'ebay: 2026-01-02T00:00:00.000Z T showed its writes (swap) to be kept, and it should have been looked at 3.0 d ago: listing T is not for sale', act]]);
  promise = { listing: 'T', overdueMs: 0 };
  t.deepEqual(await told(), [['warn', 'ebay: its test listing T was never looked at', act]]);
});
