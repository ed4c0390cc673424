/** Everything that a node writes while all channels work and fail, searched for every secret that was used. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { pino } from 'pino';
import { configSchema } from '../../config/config.ts';
import { startNode } from '../../deploy/node.ts';
import { startSandboxes } from '../../deploy/sandbox/main.ts';
import { channels } from '../../deploy/sandbox/registry.ts';
import { skuSubject } from '../../runtime/subjects.ts';
import { encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { startBroker } from '../runtime/broker.ts';

const scale = 60;

/** A secret as it is, and as it stands in URLs, forms, Basic headers and JSON. */
function formsOf(secret: string): string[] {
  return [...new Set([secret, encodeURIComponent(secret), new URLSearchParams({ s: secret }).toString().slice(2), Buffer.from(secret).toString('base64').replace(/=+$/, ''), JSON.stringify(secret).slice(1, -1)])];
}

test('no journal, record, log, inspection, dead letter, trace or metric of a node holds a secret, however its channels fail', async t => {
  const broker = await startBroker(t);
  const sandboxes = await startSandboxes({ scale, accounts: channels.map(channel => ({ account: `${channel}-1`, channel, port: 0 })) });
  t.teardown(() => sandboxes.close());
  const secretsDir = await mkdtemp(join(tmpdir(), 'plumb-secrets-'));
  t.teardown(() => rm(secretsDir, { recursive: true, force: true }));
  const admin = async (url: string, path: string, body: object): Promise<void> => {
    const response = await fetch(`${url}/_sandbox/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
  };
  const everywhere = (path: string, body: object): Promise<unknown> => Promise.all(sandboxes.accounts.map(({ url }) => admin(url, path, body)));
  await everywhere('listings', [{ sku: 'A-1', quantity: 5 }, { sku: 'B/2', quantity: 5 }]);

  const traced: string[] = [];
  const collector = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => { body += text; }).on('end', () => { traced.push(body); response.end('{}'); });
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  t.teardown(() => collector.close());
  const doorToken = 'door-token-4711-of-the-erp';

  let logs = '';
  const log = pino({ level: 'trace' }, { write: line => { logs += line; } });
  const node = await startNode(configSchema.parse({
    nats: { url: broker.server.url }, node: { id: 'n1' }, timeScale: scale, secretsDir, debounce: { quietMs: 0, hardMs: 0 }, exposure: { mode: 'mirror' }, log: { level: 'trace' },
    sources: [{ source: 'erp' }], doors: { http: { port: 0, sources: [{ source: 'erp', auth: { type: 'bearer', tokens: [doorToken] } }] } },
    metrics: { port: 0 }, traces: { url: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`, share: 1, perSecond: 100 },
    channels: { callMs: 1_000, restMs: 100, probeMs: 200, failuresMax: 3, retriesMax: 2, throttlesMax: 5 },
    reconcile: { maxProofAgeMs: 1_000, apartMs: 100 },
    accounts: sandboxes.accounts.map(({ url, ...account }) => ({ ...account, baseUrl: url, stage: 'live' as const })),
  }), log);
  let stopped = false;
  t.teardown(async () => { if (!stopped) await node.stop(); });

  const inspected: string[] = [];
  const control = async (account: string, what: string): Promise<Record<string, unknown>> => (await broker.nc.request(`control.channel.${account}`, what, { timeout: 10_000 })).json();
  const inspect = async (account: string): Promise<Record<string, any>> => {
    const text = (await broker.nc.request(`inspect.channel.${account}`, '', { timeout: 5_000 })).string();
    inspected.push(text);
    return JSON.parse(text) as Record<string, any>;
  };
  const all = async (what: string, holds: (figures: Record<string, any>) => boolean): Promise<void> => {
    for (const { account } of sandboxes.accounts) {
      for (const end = Date.now() + 20_000; !holds(await inspect(account)); await new Promise(resolve => setTimeout(resolve, 50))) {
        if (Date.now() > end) throw new Error(`${account}: never ${what}`);
      }
    }
  };
  for (const end = Date.now() + 15_000; (node.figures()['accounts'] as string[]).length < channels.length;) {
    if (Date.now() > end) throw new Error('accounts without an owner');
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  for (const { account } of sandboxes.accounts) t.deepEqual(await control(account, 'import'), { ok: true, linked: 2 }, account);
  let position = 0;
  const count = async (quantity: number): Promise<void> => {
    position += 1;
    for (const sku of ['A-1', 'B/2']) await broker.publisher.publish(skuSubject(sku), encodeJournal({ type: 'stock.counted', source: 'erp', position, quantity }), journalHeaders({ id: `count:${sku}:${position}` }));
  };
  await count(7);
  await all('proven', ({ proven }) => proven === 2);
  await everywhere('buy', { buyer: 'b1', lines: [{ sku: 'A-1', units: 1 }] });

  // Every way to fail, with work to fail at.
  await everywhere('faults', { kind: 'expire-tokens' });
  await everywhere('faults', { kind: 'garble', on: 'any', forMs: 300 });
  await count(6);
  await all('failing', figures => figures['calls'] > 0);
  await everywhere('faults', { kind: 'error', on: 'token', forMs: 300, chance: 1 });
  await everywhere('faults', { kind: 'expire-tokens' });
  await count(4);
  await everywhere('faults', { kind: 'revoke', forMs: 3_000 });
  await everywhere('faults', { kind: 'expire-tokens' });
  await count(3);
  await all('unauthorised', ({ state, breaker }) => state === 'unauthorised' || breaker === 'open');
  await all('serving again', ({ state, proven }) => state === 'serving' && proven === 2);
  // The door's token, where it opens, where it is wrong by a letter, and where the message is refused.
  const { url: door } = JSON.parse(logs.split('\n').find(line => line.includes('webhooks are taken'))!) as { url: string };
  for (const [token, body, status] of [[doorToken, '{"id":"1","sku":"A-1","type":"count","version":9,"quantity":3}', 202], [`${doorToken}x`, '{}', 401], [doorToken, '', 400]] as const) {
    t.is((await fetch(`${door}/ingest/erp`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body })).status, status);
  }
  const metrics = await (await fetch(new URL('/metrics', node.metricsUrl))).text();
  for (const end = Date.now() + 30_000; traced.length === 0;) {
    if (Date.now() > end) throw new Error('nothing was traced');
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  stopped = true;
  await node.stop();

  const written: [string, string][] = [['log', logs], ['inspection', inspected.join('\n')], ['metrics', metrics], ['traces', traced.join('\n')]];
  const streams: Record<string, number> = {};
  for await (const { config: { name }, state } of broker.jsm.streams.list()) {
    streams[name] = state.messages;
    for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
      const message = await broker.jsm.streams.getMessage(name, { seq }).catch(() => null);
      if (!message) continue;
      written.push([`${name} ${seq} ${message.subject}`, `${message.subject}\n${[...message.header].map(([key, values]) => `${key}: ${values.join()}`).join('\n')}\n${Buffer.from(message.data).toString('utf8')}`]);
    }
  }
  t.true(streams['ATTEMPT']! > 20 && streams['KV_channel']! > 5 && streams['DEAD']! > 0 && logs.length > 1_000, JSON.stringify(streams));
  t.true(metrics.includes('plumb_channel_') && traced.join().includes('A-1'), 'there was something to search');
  const secrets = [...sandboxes.secrets(), doorToken];
  t.true(secrets.length > 20, `${secrets.length} secrets were in use`);
  const shown = secrets.flatMap(formsOf).flatMap(form => written.filter(([, text]) => text.includes(form)).map(([where]) => `${form.slice(0, 8)}… in ${where}`));
  t.deepEqual(shown, []);
});
