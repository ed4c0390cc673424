/** The webhook door, called as senders call it, over a real broker. */
import { createHmac } from 'node:crypto';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { pino } from 'pino';
import { configSchema } from '../../config/config.ts';
import type { ConfigInput } from '../../config/config.ts';
import { doorsSchema } from '../../config/doors.ts';
import { openHttpDoor } from '../../deploy/doors/http.ts';
import type { OpenHttpDoor } from '../../deploy/doors/http.ts';
import { startNode } from '../../deploy/node.ts';
import { skuRecordSubject } from '../../runtime/subjects.ts';
import { eventually, startBroker } from '../runtime/broker.ts';
import type { Broker } from '../runtime/broker.ts';

const secret = 'correct-horse-battery';
const now = Date.parse('2026-02-01T12:00:00Z');

interface World { broker: Broker; door: OpenHttpDoor; url(source: string): string; stored(): Promise<Stored[]> }
interface Stored { subject: string; text: string; hex: string; id: string; type: string; door: string }

async function open(t: ExecutionContext, sources: object[], more: object = {}): Promise<World> {
  const broker = await startBroker(t);
  const door = await openHttpDoor({
    door: doorsSchema.parse({ http: { port: 0, sources, ...more } }).http!,
    publisher: broker.publisher, log: broker.log, now: () => now, brokerMaxBytes: broker.nc.info!.max_payload,
  });
  t.teardown(() => door.close());
  return {
    broker, door,
    url: source => `${door.url}/ingest/${source}`,
    stored: async () => {
      const { state } = await broker.jsm.streams.info('INGEST');
      const found: Stored[] = [];
      for (let seq = 1; seq <= state.last_seq; seq++) {
        const message = (await broker.jsm.streams.getMessage('INGEST', { seq }))!;
        found.push({ subject: message.subject, text: Buffer.from(message.data).toString(), hex: Buffer.from(message.data).toString('hex'), id: message.header.get('Nats-Msg-Id'), type: message.header.get('Content-Type'), door: message.header.get('Plumb-Door') });
      }
      return found;
    },
  };
}

const bearer = { source: 'erp', auth: { type: 'bearer', tokens: [secret] } };
const json = { 'Content-Type': 'application/json', Authorization: `Bearer ${secret}` };

async function answer(response: Response): Promise<{ status: number; body: unknown }> {
  return { status: response.status, body: await response.json() };
}

test('a webhook lands in the journal byte for byte, with its type, and is answered 202', async t => {
  const { url, stored } = await open(t, [{ ...bearer, contentTypes: ['application/json', 'application/edi-x12'] }]);
  // A Debezium envelope: nothing of it is touched, neither spacing nor a number that JavaScript cannot hold.
  const envelope = '{ "schema":null,"payload":{"before":null,"after":{"sku":"É-1","qty":9007199254740993},\n"op":"c"}}';
  const edi = Buffer.from([0x49, 0x53, 0x41, 0xff, 0x00, 0x7e]);
  t.deepEqual(await answer(await fetch(url('erp'), { method: 'POST', body: envelope, headers: { ...json, 'Content-Type': 'application/json; charset=utf-8' } })), { status: 202, body: { stored: true, sequence: 1, duplicate: false } });
  t.deepEqual(await answer(await fetch(url('erp'), { method: 'POST', body: edi, headers: { ...json, 'Content-Type': 'application/edi-x12' } })), { status: 202, body: { stored: true, sequence: 2, duplicate: false } });
  const [first, second] = await stored();
  t.deepEqual({ ...first, id: '' }, { subject: 'ingest.erp', text: envelope, hex: Buffer.from(envelope).toString('hex'), id: '', type: 'application/json; charset=utf-8', door: 'http' });
  t.is(second!.hex, edi.toString('hex'));
  t.is(second!.type, 'application/edi-x12');
});

test('a repeat is answered 202 and stored once, whether its id or its bytes name it', async t => {
  const { url, stored } = await open(t, [bearer, { ...bearer, source: 'shop', idHeader: 'X-Event-Id' }]);
  const post = (source: string, body: string, id?: string) => fetch(url(source), { method: 'POST', body, headers: { ...json, ...(id !== undefined && { 'X-Event-Id': id }) } }).then(answer);
  t.like((await post('erp', '{"n":1}')).body, { duplicate: false });
  t.deepEqual(await post('erp', '{"n":1}'), { status: 202, body: { stored: true, sequence: 1, duplicate: true } });
  t.like((await post('erp', '{"n":2}')).body, { duplicate: false });
  t.like((await post('shop', '{"n":1}', 'e 1')).body, { duplicate: false });
  t.like((await post('shop', '{"n":9}', 'e 1')).body, { duplicate: true });
  t.like((await post('shop', '{"n":1}', 'x'.repeat(5_000))).body, { duplicate: false });
  t.deepEqual(await post('shop', '{"n":1}'), { status: 400, body: { stored: false, error: 'x-event-id: the message\'s id is wanted, got nothing' } });
  t.deepEqual((await stored()).map(({ subject, text }) => `${subject} ${text}`), ['ingest.erp {"n":1}', 'ingest.erp {"n":2}', 'ingest.shop {"n":1}', 'ingest.shop {"n":1}']);
});

test('what is not wanted is refused with its reason and leaves nothing in the journal', async t => {
  const { url, door, stored } = await open(t, [{ ...bearer, maxBytes: 20 }, { ...bearer, source: 'big', maxBytes: 100 }]);
  const post = (to: string, body: string | ReadableStream, headers: Record<string, string>, more: object = {}) => fetch(to, { method: 'POST', body, headers, ...more } as RequestInit).then(answer);
  const refused = (status: number, error: string) => ({ status, body: { stored: false, error } });
  t.deepEqual(await post(url('wms'), '{}', json), refused(404, 'source "wms" has no webhook'));
  t.deepEqual(await post(`${door.url}/other`, '{}', json), refused(404, 'POST /other: POST /ingest/<source> is all there is'));
  t.deepEqual(await answer(await fetch(url('erp'))), refused(404, 'GET /ingest/erp: POST /ingest/<source> is all there is'));
  t.deepEqual(await post(url('erp'), '{}', { 'Content-Type': 'application/json' }), refused(401, 'Authorization: a bearer token is wanted'));
  t.deepEqual(await post(url('erp'), '{}', { ...json, Authorization: `Bearer ${secret} x` }), refused(401, 'Authorization: a bearer token is wanted'));
  t.deepEqual(await post(url('erp'), '{}', { ...json, Authorization: 'Bearer wrong' }), refused(401, 'Authorization: the bearer token is not valid'));
  t.deepEqual(await post(url('erp'), '{}', { ...json, 'Content-Type': 'text/xml' }), refused(415, 'Content-Type: "text/xml" is none of application/json'));
  t.deepEqual(await post(url('erp'), '', json), refused(400, 'body: a message is wanted, got nothing'));
  t.deepEqual(await post(url('erp'), 'x'.repeat(21), json), refused(413, 'body: 20 bytes at most'));
  // Sent without its length, below what another source may send, and above what any may.
  const chunks = (bytes: number) => new ReadableStream({ start(c) { c.enqueue(Buffer.alloc(bytes)); c.close(); } });
  t.deepEqual(await post(url('erp'), chunks(21), json, { duplex: 'half' }), refused(413, 'body: 20 bytes at most'));
  t.deepEqual(await post(url('erp'), chunks(101), json, { duplex: 'half' }), refused(413, 'body: 20 bytes at most'));
  t.deepEqual(await stored(), []);
});

const signed = (text: string, key = secret, encoding: 'hex' | 'base64' = 'hex') => createHmac('sha256', key).update(text).digest(encoding);

test('a signature over the raw body opens the door, any other byte or key does not', async t => {
  const { url, stored } = await open(t, [{ source: 'erp', auth: { type: 'hmac', header: 'X-Sig', prefix: 'sha256=', secrets: ['an old secret', secret] } }]);
  const post = (body: string, signature?: string) => fetch(url('erp'), { method: 'POST', body, headers: { 'Content-Type': 'application/json', ...(signature !== undefined && { 'X-Sig': signature }) } }).then(answer);
  const refused = (error: string) => ({ status: 401, body: { stored: false, error } });
  t.is((await post('{"a":1}', `sha256=${signed('{"a":1}')}`)).status, 202);
  t.is((await post('{"a":2}', `sha256=${signed('{"a":2}', 'an old secret').toUpperCase()}`)).status, 202);
  t.deepEqual(await post('{"a":3}', `sha256=${signed('{"a":1}')}`), refused('x-sig: the signature does not fit the body'));
  t.deepEqual(await post('{"a":3}', `sha256=${signed('{"a":3}', 'another secret')}`), refused('x-sig: the signature does not fit the body'));
  t.deepEqual(await post('{"a":3}', 'sha256='), refused('x-sig: the signature does not fit the body'));
  t.deepEqual(await post('{"a":3}', signed('{"a":3}')), refused('x-sig: the signature must begin with "sha256="'));
  t.deepEqual(await post('{"a":3}'), refused('x-sig: a signature is wanted'));
  t.deepEqual((await stored()).map(({ text }) => text), ['{"a":1}', '{"a":2}']);
});

test('a signed timestamp keeps replays out: too old, too far ahead, missing or exchanged', async t => {
  const { url, stored } = await open(t, [{ source: 'erp', auth: { type: 'hmac', header: 'X-Sig', encoding: 'base64', secrets: [secret], signs: 'v0:{timestamp}:{body}', timestamp: { header: 'X-At', toleranceMs: 300_000 } } }]);
  const post = (body: string, at: string, claimed: string | null = at) => fetch(url('erp'), {
    method: 'POST', body, headers: { 'Content-Type': 'application/json', 'X-Sig': signed(`v0:${at}:${body}`, secret, 'base64'), ...(claimed !== null && { 'X-At': claimed }) },
  }).then(answer);
  const at = (offsetS: number) => String(now / 1_000 + offsetS);
  const refused = (error: string) => ({ status: 401, body: { stored: false, error } });
  t.is((await post('{"a":1}', at(-300))).status, 202);
  t.is((await post('{"a":2}', at(300))).status, 202);
  t.deepEqual(await post('{}', at(-301)), refused('x-at: the message was signed 301 s ago, 300 s at most'));
  t.deepEqual(await post('{}', at(301)), refused('x-at: the message was signed 301 s ahead, 300 s at most'));
  t.deepEqual(await post('{}', at(-400), at(0)), refused('x-sig: the signature does not fit the body'));
  t.deepEqual(await post('{}', at(0), 'soon'), refused('x-at: a timestamp is wanted, got "soon"'));
  t.deepEqual(await post('{}', '', null), refused('x-at: a timestamp is wanted, got ""'));
  t.is((await stored()).length, 2);
});

test('while the broker is away the sender is told to come back, and the repeat is stored once', async t => {
  const { url, broker, stored } = await open(t, [bearer]);
  const post = () => fetch(url('erp'), { method: 'POST', body: '{"n":1}', headers: json });
  t.is((await post()).status, 202);
  process.kill(broker.server.pid, 'SIGSTOP');
  const away = await post().finally(() => process.kill(broker.server.pid, 'SIGCONT'));
  t.is(away.headers.get('retry-after'), '1');
  t.deepEqual(await answer(away), { status: 503, body: { stored: false, error: 'the journal did not answer: send it again, a repeat is harmless' } });
  t.like((await answer(await post())).body, { duplicate: true });
  t.is((await stored()).length, 1);
});

test('requests above the bound are asked to come back while those under way are answered', async t => {
  const { url, door, broker } = await open(t, [bearer], { maxOpen: 1 });
  const { hostname, port } = new URL(door.url);
  const slow = connect(Number(port), hostname);
  t.teardown(() => slow.destroy());
  let heard = '';
  slow.on('data', data => { heard += String(data); });
  slow.write(`POST /ingest/erp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${secret}\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"n"`);
  const post = () => fetch(url('erp'), { method: 'POST', body: '{"m":1}', headers: json });
  await eventually('a second request is refused', async () => (await post()).status === 503);
  const refused = await post();
  t.is(refused.headers.get('retry-after'), '1');
  t.deepEqual(await refused.json(), { stored: false, error: '1 messages are being stored: send it again, a repeat is harmless' });
  slow.write(':1}');
  await eventually('the first one is answered', () => heard.includes('202'));
  await eventually('its place is free again', async () => (await post()).status === 202);
  t.is((await broker.jsm.streams.info('INGEST')).state.messages, 2);
});

test('a door that closes answers no stranger and waits for nobody who dawdles', async t => {
  const { url, door } = await open(t, [bearer]);
  const { hostname, port } = new URL(door.url);
  const slow = connect(Number(port), hostname);
  const cut = new Promise(resolve => { slow.once('close', resolve); });
  slow.on('error', () => undefined);
  await new Promise(resolve => { slow.once('connect', resolve); });
  slow.write(`POST /ingest/erp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${secret}\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"n"`);
  await fetch(url('erp'));
  await door.close();
  await cut;
  await t.throwsAsync(fetch(url('erp')), { message: 'fetch failed' });
});

test('a node with a webhook door takes a message to its SKU; a door to a source that nobody reads is refused', async t => {
  const broker = await startBroker(t);
  const listener = createServer().listen(0, '127.0.0.1');
  await new Promise(resolve => { listener.once('listening', resolve); });
  const { port } = listener.address() as AddressInfo;
  await new Promise(resolve => { listener.close(resolve); });
  const config = (source: string): ConfigInput => ({ nats: { url: broker.server.url }, node: { id: 'n' }, sources: [{ source: 'erp' }], doors: { http: { port, sources: [{ ...bearer, source, auth: { type: 'bearer', tokens: [secret] } }] } } });
  const quiet = pino({ level: 'silent' });
  await t.throwsAsync(startNode(configSchema.parse(config('wms')), quiet), { name: 'ConfigError', message: 'doors.http.sources.0.source: "wms" is none of the sources (erp)' });
  const node = await startNode(configSchema.parse(config('erp')), quiet);
  t.teardown(() => node.stop());
  const response = await fetch(`http://127.0.0.1:${port}/ingest/erp`, { method: 'POST', headers: json, body: '{"id":"e-1","sku":"85123A","type":"count","version":1,"quantity":120}' });
  t.is(response.status, 202);
  const quantity = async (): Promise<unknown> => (await broker.records.get<{ context: { onHand?: number } }>(skuRecordSubject('85123A')))?.value.context.onHand;
  await eventually('the SKU knows it', async () => await quantity() === 120);
});

test('the configuration refuses a door without a lock, and a timestamp that nobody signed', t => {
  const issue = (source: object): string | undefined => {
    const parsed = doorsSchema.safeParse({ http: { port: 1, sources: [{ source: 'erp', ...source }] } });
    const first = parsed.error?.issues[0];
    return first && `${first.path.slice(3).join('.')}: ${first.message}`;
  };
  t.is(issue(bearer), undefined);
  t.regex(issue({})!, /^auth: /);
  t.is(issue({ auth: { type: 'bearer', tokens: [''] } }), 'auth.tokens.0: must have 8 characters at least');
  t.is(issue({ auth: { type: 'hmac', header: 'X', secrets: [secret], timestamp: { header: 'X-At' } } }), 'auth.signs: must name {timestamp} exactly where a timestamp is configured: one that is not signed can be replaced');
  t.is(issue({ auth: { type: 'hmac', header: 'X', secrets: [secret], signs: '{timestamp}' } }), 'auth.signs: must name {body} once');
  t.is(doorsSchema.safeParse({ http: { port: 1, sources: [bearer, bearer] } }).error?.issues[0]?.message, 'must name each source once');
  t.is(issue({ ...bearer, contentTypes: ['json'] }), 'contentTypes.0: must be a type such as application/json');
});
