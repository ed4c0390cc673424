/** Walmart's adapter against its sandbox: the contract all channels share, then what is Walmart's own. */
import test from 'ava';
import type { OrderLine } from '../../actors/channel/adapter.ts';
import { createWalmart } from '../../actors/channel/adapters/walmart/adapter.ts';
import { AmbiguousError, AuthError, TerminalError, ThrottledError } from '../../actors/errors.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { walmartAccount } from '../../deploy/sandbox/walmart.ts';
import { channelContract, openingStock } from '../contracts/channel.ts';
import { at, entry, fast, inject, opened, pollAll, recorder, rest, walmartWorld } from './walmart-world.ts';

channelContract(test, walmartWorld, { feeds: true });

// --- Quantities -----------------------------------------------------------------------------------------------------

test.serial('what is written is gross: a later sale leaves quantity as it was and lowers buyable', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 10 });
  sandbox.shop.buy('b', [{ sku: 'A-1', units: 4 }]);
  await adapter.write([entry('A-1', 9)], recorder().call);
  await rest(50);
  const [read] = await adapter.read([at('A-1')], recorder().call);
  t.like(read, { kind: 'read', reading: { quantity: 9, buyable: 5 } });
});

test.serial('a quantity below the open orders reads as nothing to buy, not as a negative or unknown one', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 10 });
  sandbox.shop.buy('b', [{ sku: 'A-1', units: 4 }]);
  await adapter.write([entry('A-1', 1)], recorder().call);
  await rest(50);
  const [read] = await adapter.read([at('A-1')], recorder().call);
  t.like(read, { kind: 'read', reading: { quantity: 1, buyable: 0 } });
});

test.serial('with a ship node the write goes to that node alone and the read is of that node alone', async t => {
  const { adapter } = await opened(t, { 'A-1': 10 });
  const { call, exchanges } = recorder();
  await adapter.write([entry('A-1', 7)], call);
  const sent = exchanges.at(-1)!;
  t.is(sent.path, '/v3/inventories/A-1');
  t.deepEqual(JSON.parse(sent.request!), { inventories: { nodes: [{ shipNode: '10115800000000001', inputQty: { unit: 'EACH', amount: 7 } }] } });
  t.is(adapter.operations.write.limit, 'updateMultiNodeInventory');
  await rest(50);
  const { readings } = await adapter.listings(undefined, call);
  t.deepEqual(readings.map(r => [r.quantity, r.buyable]), [[7, 7]], "Walmart's own 25 units are not counted in");
});

test.serial('an accepted write is to be read back within a window, by a reference that Walmart knows', async t => {
  const { adapter } = await opened(t, { 'A-1': 10 }, { clockScale: 1 });
  const { call, exchanges } = recorder();
  const [outcome] = await adapter.write([entry('A-1', 7)], call);
  t.deepEqual(outcome, { kind: 'accepted', signature: 'sig-A-1-7', reference: exchanges.at(-1)!.requestId!, verifyAfterMs: 5_000, verifyWithinMs: 120_000 });
});

test.serial('a read right after a write may still be old, and is right once verifyAfterMs is over', async t => {
  const { adapter } = await opened(t, { 'A-1': 10 }, { clockScale: 10 });
  await rest(550);
  const [outcome] = await adapter.write([entry('A-1', 7)], recorder().call);
  const [early] = await adapter.read([at('A-1')], recorder().call);
  t.like(early, { reading: { quantity: 10 } });
  await rest(outcome?.kind === 'accepted' ? outcome.verifyAfterMs : 0);
  const [late] = await adapter.read([at('A-1')], recorder().call);
  t.like(late, { reading: { quantity: 7 } });
});

test.serial('a node refused inside a 200 answer is refused, and nothing was written', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 10 }, { settings: { shipNode: '10115800000000099' } });
  const [outcome] = await adapter.write([entry('A-1', 7)], recorder().call);
  t.like(outcome, { kind: 'refused', class: 'validation', code: 'INVALID_REQUEST_CONTENT.GMP_INVENTORY_API' });
  t.is(sandbox.shop.listings.get('A-1')?.quantity, 10);
});

test.serial('a SKU without a row at the configured node is missing, not at zero', async t => {
  const { adapter } = await opened(t, { 'A-1': 10 }, { settings: { shipNode: '999' } });
  const [read] = await adapter.read([at('A-1')], recorder().call);
  t.is(read?.kind, 'missing');
  t.deepEqual(await adapter.listings(undefined, recorder().call), { readings: [] });
});

test.serial('without a configured node a sole-node account is written by PUT /v3/inventory and read back', async t => {
  const vendor = walmartAccount({ account: 'walmart-us', clock: new SandboxClock(fast), soleNode: true });
  const { adapter, sandbox } = await opened(t, openingStock, { vendor });
  const { call, exchanges } = recorder();
  const [outcome] = await adapter.write([entry('B 2', 3)], call);
  t.is(outcome?.kind, 'accepted');
  t.is(exchanges.at(-1)?.path, '/v3/inventory?sku=B%202');
  t.is(sandbox.shop.listings.get('B 2')?.quantity, 3);
  await rest(50);
  t.like((await adapter.read([at('B 2')], call))[0], { kind: 'read', reading: { quantity: 3, buyable: 3 } });
  t.is((await adapter.listings(undefined, call)).readings.length, Object.keys(openingStock).length);
});

test.serial('without a configured node a SKU stocked at several is never read as their sum or as one of them', async t => {
  const { adapter } = await opened(t, { 'A-1': 10 }, { settings: { shipNode: undefined } });
  const [read] = await adapter.read([at('A-1')], recorder().call);
  t.like(read, { kind: 'failed', code: 'SEVERAL_NODES' });
  const error = await t.throwsAsync(adapter.listings(undefined, recorder().call), { instanceOf: TerminalError });
  t.regex(error!.message, /A-1.*10115800000000099, 10115800000000001.*settings\.shipNode/);
});

test.serial('a quantity that is no whole number of units is refused before anything is sent', async t => {
  const { adapter } = await opened(t, { 'A-1': 10 });
  const { call, exchanges } = recorder();
  for (const quantity of [-1, 1.5, NaN]) {
    t.like((await adapter.write([entry('A-1', quantity)], call))[0], { kind: 'refused', class: 'validation' });
  }
  t.deepEqual(exchanges, []);
});

test.serial('SKUs of awkward characters are written and read as themselves', async t => {
  const skus = ["it's (1)*!", 'a+b', '50%', 'é/ü?x=1&y', '{q}#'];
  const { adapter, sandbox } = await opened(t, Object.fromEntries(skus.map(sku => [sku, 1])));
  for (const sku of skus) {
    t.is((await adapter.write([entry(sku, 6)], recorder().call))[0]?.kind, 'accepted', sku);
    t.is(sandbox.shop.listings.get(sku)?.quantity, 6, sku);
    await rest(20);
    t.like((await adapter.read([at(sku)], recorder().call))[0], { kind: 'read', reading: { quantity: 6 } }, sku);
  }
});
// --- The walk over all listings -------------------------------------------------------------------------------------

test.serial('the walk ends at an empty cursor, not at a short page, and its cursors survive encoding', async t => {
  const skus = Array.from({ length: 160 }, (_, n) => `S-${n}`);
  const { adapter } = await opened(t, Object.fromEntries(skus.map(sku => [sku, 1])));
  const seen: string[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const page = await adapter.listings(cursor, recorder().call);
    seen.push(...page.readings.map(r => r.listing.sku));
    cursor = page.cursor;
    pages += 1;
  } while (cursor !== undefined);
  t.deepEqual(seen, skus);
  t.true(pages >= 4);
});

test.serial('a used cursor starts the walk anew instead of failing for ever, and not more than three times', async t => {
  const { adapter } = await opened(t, Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`S-${n}`, 1])));
  const first = await adapter.listings(undefined, recorder().call);
  await adapter.listings(first.cursor, recorder().call);
  const again = await adapter.listings(first.cursor, recorder().call);
  t.deepEqual(again, { readings: [], cursor: '1:' });
  t.deepEqual((await adapter.listings(again.cursor, recorder().call)).readings.map(r => r.listing.sku), first.readings.map(r => r.listing.sku));
  await t.throwsAsync(adapter.listings('3:used', recorder().call), { instanceOf: TerminalError });
});

test.serial('an account without inventory lists nothing and does not fail', async t => {
  const { adapter } = await opened(t, {});
  t.deepEqual(await adapter.listings(undefined, recorder().call), { readings: [] });
});
// --- Orders ---------------------------------------------------------------------------------------------------------

test.serial('three units are three lines of one unit, each with the id that the ledger has', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 10 });
  const { order } = sandbox.shop.buy('b', [{ sku: 'A-1', units: 3 }]);
  const { lines } = await pollAll(adapter);
  t.deepEqual(lines.map(l => l.id), [1, 2, 3].map(n => `${order!.orderId}/${n}`));
  t.deepEqual(lines.map(l => l.units), [1, 1, 1]);
  t.deepEqual(lines.map(l => l.createdAt), [1, 2, 3].map(() => order!.createdAt));
});

test.serial('a line says what is shipped, and a cancelled neighbour keeps its own state', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 10 });
  const { order } = sandbox.shop.buy('b', [{ sku: 'A-1', units: 3 }]);
  sandbox.shop.ship(order!.orderId, '1');
  sandbox.shop.cancel(order!.orderId, '3');
  const { lines } = await pollAll(adapter);
  t.deepEqual(lines.map(l => [l.units, l.shipped, l.cancelled]), [[1, 1, 0], [1, 0, 0], [1, 0, 1]]);
});

test.serial('no orders is an empty page, whether Walmart says so by 404 or by an empty list', async t => {
  const { adapter } = await opened(t, { 'A-1': 10 }, { settings: { orderLookbackDays: 6 } });
  const statuses: (number | undefined)[] = [];
  for (let n = 0; n < 2; n++) {
    const { call, exchanges } = recorder();
    const page = await adapter.orders(undefined, call);
    t.deepEqual(page.lines, []);
    t.false(page.more);
    statuses.push(exchanges.at(-1)?.status);
  }
  t.deepEqual(statuses, [404, 200]);
});

test.serial('a change to an order older than seven days is polled, since createdStartDate goes with every query', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 10 });
  const { order } = sandbox.shop.buy('b', [{ sku: 'A-1', units: 1 }]);
  const { cursor } = await pollAll(adapter);
  order!.createdAt -= 1_010_000; // At this clock seven days last 1,008 s.
  sandbox.shop.cancel(order!.orderId, '1');
  const { lines } = await pollAll(adapter, cursor);
  t.deepEqual(lines.map(l => l.cancelled), [1]);
});

test.serial('a poll after an outage longer than one span reads span after span and leaves none out', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 10 }, { settings: { orderLookbackDays: 30, orderWindowDays: 7 } });
  const { order } = sandbox.shop.buy('b', [{ sku: 'A-1', units: 1 }]);
  order!.updatedAt = order!.createdAt = Date.now() - 20; // The span that ends now.
  const { call, exchanges } = recorder();
  const lines: OrderLine[] = [];
  let page = await adapter.orders(undefined, call);
  lines.push(...page.lines);
  for (; page.more; lines.push(...page.lines)) page = await adapter.orders(page.cursor, call);
  t.is(lines.length, 1);
  const spans = exchanges.filter(e => e.path.startsWith('/v3/orders')).map(e => new URLSearchParams(e.path.split('?')[1]));
  t.is(spans.length, 5);
  for (let n = 1; n < spans.length; n++) {
    t.true(spans[n]!.get('lastModifiedStartDate')! < spans[n - 1]!.get('lastModifiedEndDate')!, 'spans overlap');
  }
});

test.serial('completeThrough stays behind the call by the lag and never moves before a span is read to its end', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 1000 }, { clockScale: 1, settings: { orderLookbackDays: 1 } });
  for (let n = 0; n < 250; n++) sandbox.shop.buy(`b${n}`, [{ sku: 'A-1', units: 1 }]);
  const before = Date.now();
  const first = await adapter.orders(undefined, recorder().call);
  t.true(first.more);
  t.is(first.completeThrough, 0);
  const second = await adapter.orders(first.cursor, recorder().call);
  t.false(second.more);
  t.true(second.completeThrough >= before - 60_000 && second.completeThrough <= Date.now() - 60_000);
  const third = await adapter.orders(second.cursor, recorder().call);
  t.true(third.completeThrough >= second.completeThrough);
});

test.serial('orders that slip over a page edge because another changed meanwhile are read again', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 1000 }, { clockScale: 1, settings: { orderLookbackDays: 1 } });
  const ids = Array.from({ length: 250 }, (_, n) => sandbox.shop.buy(`b${n}`, [{ sku: 'A-1', units: 1 }]).order!.orderId);
  const first = await adapter.orders(undefined, recorder().call);
  const seen = new Set(first.lines.map(l => l.orderId));
  await rest(1_050); // The query's end is a whole second: past it, a change leaves the span.
  for (const orderId of ids.slice(0, 10)) sandbox.shop.cancel(orderId, '1');
  const { lines } = await pollAll(adapter, first.cursor);
  for (const line of lines) seen.add(line.orderId);
  t.is(seen.size, 250);
  t.is(lines.filter(l => l.cancelled === 1).length, 10);
});

test.serial('a refused order cursor has the span read again, and fails in the end', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 1000 }, { settings: { orderLookbackDays: 1 } });
  for (let n = 0; n < 250; n++) sandbox.shop.buy(`b${n}`, [{ sku: 'A-1', units: 1 }]);
  const first = await adapter.orders(undefined, recorder().call);
  const stale = (change: object): string => {
    const walk = JSON.parse(Buffer.from(first.cursor, 'base64url').toString());
    return Buffer.from(JSON.stringify({ ...walk, span: { ...walk.span, next: '?hasMoreElements=true&poIndex=gone' }, ...change })).toString('base64url');
  };
  const page = await adapter.orders(stale({}), recorder().call);
  t.deepEqual([page.lines, page.more], [[], true]);
  t.is((await pollAll(adapter, page.cursor)).lines.length, 250);
  await t.throwsAsync(adapter.orders(stale({ tries: 3 }), recorder().call), { instanceOf: TerminalError });
});

test.serial("a buyer's name and address do not reach the journal", async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 10 }, { settings: { orderLookbackDays: 1 } });
  sandbox.shop.buy('Ada Lovelace', [{ sku: 'A-1', units: 1 }]);
  const { call, exchanges } = recorder();
  t.is((await adapter.orders(undefined, call)).lines.length, 1);
  t.is(exchanges.at(-1)?.response, '(order list left out)');
});

// --- Token, rate, errors --------------------------------------------------------------------------------------------

test.serial('a token ends after its fifteen minutes and is replaced before that, never by a refused call', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 10 });
  const statuses: (number | undefined)[] = [];
  for (let n = 0; n < 5; n++) {
    const { call, exchanges } = recorder();
    await adapter.read([at('A-1')], call);
    statuses.push(...exchanges.map(e => e.status));
    await rest(500);
  }
  t.true((sandbox.shop.counts['calls.token'] ?? 0) >= 2);
  t.deepEqual(new Set(statuses), new Set([200]));
});

test.serial('a token that ended at Walmart alone is replaced after one refusal, for a write too, which is done once', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 10 });
  await adapter.read([at('A-1')], recorder().call);
  await inject(sandbox, { kind: 'expire-tokens' });
  const { call, exchanges } = recorder();
  t.is((await adapter.write([entry('A-1', 4)], call))[0]?.kind, 'accepted');
  t.deepEqual(exchanges.map(e => e.status), [401, 200, 200]);
  t.is(sandbox.shop.counts['writes'], 1);
});

test.serial('a correlation id is used for one request only', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 10 });
  const { call, exchanges } = recorder();
  for (let n = 0; n < 3; n++) await adapter.read([at('A-1')], call);
  await inject(sandbox, { kind: 'expire-tokens' });
  await adapter.read([at('A-1')], call);
  t.is(sandbox.shop.counts['correlation.repeated'], undefined);
  t.is(new Set(exchanges.map(e => e.requestId)).size, exchanges.length);
});

test.serial('past 200 writes a minute Walmart refuses, the refusal tells the wait, and nothing more is written', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 10 }, { clockScale: 1 });
  const { call, meters } = recorder();
  const error = await t.throwsAsync(async () => {
    for (let n = 0; n < 400; n++) await adapter.write([entry('A-1', n)], call);
  }, { instanceOf: ThrottledError });
  const done = sandbox.shop.counts['writes']!;
  t.true(done >= 200 && done < 230, `${done} writes`);
  t.is(sandbox.shop.listings.get('A-1')?.quantity, done - 1);
  t.is((error as ThrottledError).retryAfterMs, 1000);
  t.like(error, { status: 429, code: 'REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API' });
  t.deepEqual(meters[0], { limit: 'updateMultiNodeInventory', remaining: 199 });
  t.like(meters.at(-1), { limit: 'updateMultiNodeInventory', remaining: 0, waitMs: 1000 });
});

test.serial('the JSON, HTML and gateway forms of a server failure all leave a write in doubt', async t => {
  const { adapter, sandbox } = await opened(t, { 'A-1': 10 });
  await inject(sandbox, { kind: 'error', on: 'write', forMs: 60_000 });
  const statuses: (number | undefined)[] = [];
  for (let n = 0; n < 3; n++) {
    const error = await t.throwsAsync(adapter.write([entry('A-1', 4)], recorder().call), { instanceOf: AmbiguousError });
    statuses.push((error as AmbiguousError).status);
  }
  t.deepEqual(statuses, [500, 503, 504]);
});

test.serial('a wrong client secret is an authorisation failure that shows no secret', async t => {
  const { sandbox, account, ports } = await opened(t, { 'A-1': 10 });
  const adapter = createWalmart({ ...account, credentials: { ...account.credentials, clientSecret: 'wrong-secret' } }, ports);
  const { call, exchanges } = recorder();
  const error = await t.throwsAsync(adapter.read([at('A-1')], call), { instanceOf: AuthError });
  t.false(`${error!.message}${JSON.stringify(exchanges)}`.includes('wrong-secret'));
  t.is(sandbox.shop.counts['calls.read'], undefined);
});

test.serial('more than one SKU in a call is a bug, not a guess', async t => {
  const { adapter } = await opened(t, { 'A-1': 1, 'A-2': 1 });
  await t.throwsAsync(adapter.write([entry('A-1', 1), entry('A-2', 1)], recorder().call), { instanceOf: RangeError });
  await t.throwsAsync(adapter.read([], recorder().call), { instanceOf: RangeError });
});
// --- The sandbox is strict enough to catch a careless adapter -------------------------------------------------------

test.serial('the sandbox refuses what Walmart refuses', async t => {
  const { sandbox, adapter, ports, account } = await opened(t, { 'A-1': 10, 'B 2': 1 });
  await adapter.read([at('A-1')], recorder().call);
  const { accessToken } = (await ports.tokens.load(account.account))!;
  const headers = { 'WM_SEC.ACCESS_TOKEN': accessToken, 'WM_SVC.NAME': 'x', accept: 'application/json', 'content-type': 'application/json' };
  const ask = async (method: string, path: string, change: Record<string, string> = {}, body?: unknown): Promise<number> => (await fetch(sandbox.url + path, {
    method,
    headers: { 'WM_QOS.CORRELATION_ID': crypto.randomUUID(), ...headers, ...change },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })).status;
  const node = (amount: unknown): unknown => ({ inventories: { nodes: [{ shipNode: '10115800000000001', inputQty: amount }] } });
  t.is(await ask('GET', '/v3/inventories/A-1'), 200);
  t.is(await ask('GET', '/v3/inventories/A-1', { 'WM_SEC.ACCESS_TOKEN': '', authorization: `Bearer ${accessToken}` }), 401);
  t.is(await ask('GET', '/v3/inventories/A-1', { 'WM_QOS.CORRELATION_ID': '' }), 400);
  t.is(await ask('GET', '/v3/inventories/A-1', { 'WM_SVC.NAME': '' }), 400);
  t.is(await ask('GET', '/v3/inventories/A-1', { accept: 'application/xml' }), 406);
  t.is(await ask('GET', '/v3/inventories/GHOST-1'), 404);
  t.is(await ask('GET', '/v3/inventories?limit=51'), 400);
  t.is(await ask('GET', '/v3/orders?limit=201'), 400);
  t.is(await ask('GET', '/v3/orders?lastModifiedStartDate=1773657015000'), 400);
  t.is(await ask('GET', '/v3/orders?limit=1&hasMoreElements=true&poIndex=1'), 400);
  t.is(await ask('GET', '/v3/nothing'), 404);
  t.is(await ask('PUT', '/v3/inventories/A-1', {}, node(5)), 400);
  t.is(await ask('PUT', '/v3/inventories/A-1', {}, node({ unit: 'EACH', amount: -5 })), 400);
  t.is(await ask('PUT', '/v3/inventories/GHOST-1', {}, node({ unit: 'EACH', amount: 5 })), 404);
  t.is(await ask('PUT', '/v3/inventory?sku=A-1', {}, { sku: 'A-1', quantity: 5 }), 400);
  t.is(await ask('PUT', '/v3/inventory', {}, { sku: 'A-1', quantity: { unit: 'EACH', amount: 5 } }), 400);
  t.is(await ask('PUT', '/v3/inventory?sku=B+2', {}, { sku: 'B 2', quantity: { unit: 'EACH', amount: 5 } }), 400);
  t.is(await ask('PUT', '/v3/inventory?sku=B%202', {}, { sku: 'B 2', quantity: { unit: 'EACH', amount: 5 } }), 200);
  t.is(await ask('POST', '/v3/token', { 'content-type': 'application/x-www-form-urlencoded' }), 400);
  t.is(sandbox.shop.counts['writes'], 1);
});

// --- What the key may do --------------------------------------------------------------------------------------------

test.serial('a key that may not write inventory is told before a write finds out, scope by scope', async t => {
  const scopes = { inventory: 'view_only', orders: 'view_only' };
  const w = await opened(t, {}, { vendor: walmartAccount({ account: 'walmart-us', clock: new SandboxClock(fast), soleNode: false, scopes }) });
  t.deepEqual(await w.adapter.checks!.ask(recorder().call), [
    { name: 'scope inventory', ok: false, told: 'view_only, and full_access is wanted: the key\'s permissions in the developer portal' },
    { name: 'scope orders', ok: true, told: 'view_only' },
    { name: 'scope feeds', ok: false, told: 'no_access, and full_access is wanted: the key\'s permissions in the developer portal' },
  ]);
  const all = await opened(t, {});
  t.true((await all.adapter.checks!.ask(recorder().call)).every(({ ok }) => ok));
});
