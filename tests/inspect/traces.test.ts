/** The way of a job as an OpenTelemetry collector is told it, by a real node over HTTP. */
import { createHash } from 'node:crypto';
import test from 'ava';
import { fastify } from 'fastify';
import { spansOf } from '../../deploy/spans.ts';
import type { Chain } from '../../deploy/trace.ts';
import { eventually } from '../runtime/broker.ts';
import { smallWorld } from './small-world.ts';

interface Sent { traceId: string; spanId: string; parentSpanId?: string; name: string; startTimeUnixNano: string; endTimeUnixNano: string; attributes: { key: string; value: Record<string, unknown> }[]; status: { code?: number; message?: string } }
interface Body { resourceSpans: { resource: { attributes: Sent['attributes'] }; scopeSpans: { spans: Sent[] }[] }[] }

const valueOf = (attributes: Sent['attributes'], key: string): unknown => Object.values(attributes.find(each => each.key === key)?.value ?? {})[0];

test.serial('a job is one trace from the ERP\'s event to its proof, and its signature is enough to find it', async t => {
  const bodies: Body[] = [];
  const collector = fastify();
  collector.post('/v1/traces', async request => { bodies.push(request.body as Body); return {}; });
  const url = await collector.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => collector.close());
  const world = await smallWorld(t, ['A'], { traces: { url: `${url}/v1/traces`, share: 1, perSecond: 50 } });
  world.shops.shopify.shop.faults.add({ kind: 'lose-answer', on: 'write', count: 1 });
  await world.say({ id: 'e1', sku: 'A', type: 'count', version: 1, quantity: 9 });
  await world.proven('shopify', { A: 8 });
  await world.proven('ebay', { A: 8 });
  const spans = (): Sent[] => bodies.flatMap(({ resourceSpans }) => resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(each => each.spans)));
  const roots = (): Sent[] => spans().filter(({ name }) => name === 'stock change');
  await eventually('both are told', () => new Set(roots().map(({ attributes }) => valueOf(attributes, 'plumb.account'))).size === 2, 20_000);

  const { resource } = bodies[0]!.resourceSpans[0]!;
  t.deepEqual(['service.name', 'service.instance.id'].map(key => valueOf(resource.attributes, key)), ['plumb', 'n1']);
  const root = roots().find(({ attributes }) => valueOf(attributes, 'plumb.account') === 'shopify')!;
  const signature = valueOf(root.attributes, 'plumb.job.signature') as string;
  t.is(root.traceId, createHash('sha256').update(signature).digest('hex').slice(0, 32));
  t.deepEqual(['plumb.sku', 'plumb.correlation', 'plumb.job.state'].map(key => valueOf(root.attributes, key)), ['A', 'erp:e1', 'proven']);
  t.falsy(root.parentSpanId);

  const mine = spans().filter(({ traceId }) => traceId === root.traceId);
  const parts = mine.filter(({ parentSpanId }) => parentSpanId === root.spanId);
  t.deepEqual(parts.slice(0, 3).map(({ name }) => name), ['normalize', 'decide', 'wait for the channel']);
  const writes = parts.filter(({ name }) => name === 'channel write');
  t.is(valueOf(writes[0]!.attributes, 'plumb.outcome'), 'AmbiguousError');
  t.is(writes[0]!.status.code, 2, 'its answer never came');
  const calls = (of: Sent[]): unknown[] => spans().filter(({ parentSpanId }) => of.some(({ spanId }) => spanId === parentSpanId)).map(({ name, attributes }) => [name, valueOf(attributes, 'http.response.status_code')]);
  t.deepEqual(calls([writes[0]!]), [['POST', undefined]]);
  t.true(parts.some(({ name }) => name === 'channel read'), 'so it was read back');
  t.deepEqual(calls(spans().filter(({ name, traceId }) => name === 'channel write' && traceId !== root.traceId)), [['POST', 200]], 'at ebay');
  for (const span of mine) {
    t.true(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano) && BigInt(span.startTimeUnixNano) >= BigInt(root.startTimeUnixNano) - 50_000_000n, span.name);
    t.true(BigInt(span.endTimeUnixNano) <= BigInt(root.endTimeUnixNano) + 50_000_000n, span.name);
  }
  t.is(new Set(mine.map(({ spanId }) => spanId)).size, mine.length);
});

const chain = (steps: object[]): Chain =>
  ({ sku: 'A', account: 'shop', signature: 'shp-1', correlation: 'erp:e1', state: 'open', steps: steps.map(step => ({ ...step, afterMs: 0 })) as Chain['steps'], tookMs: 0 });

test('the same chain gives the same ids, and a refused call is an error with what the channel said', t => {
  const steps = [
    { step: 'decision', at: 1_000, seq: 1, quantity: 3, kind: 'write', lane: 'raise', rule: { buffer: 0 }, inputs: { available: 3, onHand: 3, reserved: 0, sold: 0 }, waitedMs: 5 },
    { step: 'attempt', at: 1_100, op: 'write', attempt: 0, key: 'k', quantity: 3, outcome: { kind: 'refused', message: 'no such listing' }, exchanges: [{ method: 'PUT', path: '/items/1?token=x', status: 404, ms: 20 }] },
  ];
  const root = spansOf(chain(steps));
  t.deepEqual(spansOf(chain(steps)), root);
  t.deepEqual([root.start, root.end], [1_000, 1_120]);
  const call = root.children.find(({ name }) => name === 'channel write')!;
  t.like(call, { start: 1_100, end: 1_120, error: 'no such listing' });
  t.like(call.children[0]!.attributes, { 'http.request.method': 'PUT', 'url.path': '/items/1', 'http.response.status_code': 404 });
});
