import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { pino } from 'pino';
import { readAction } from '../../deploy/console/actions.ts';
import { Buckets } from '../../deploy/console/bucket.ts';
import { OversoldCount } from '../../deploy/console/oversold.ts';
import { everyChannel, rowOfFinding, rowOfUnproven, unitsAtRisk, worstFirst } from '../../deploy/console/pair-rows.ts';
import type { AccountState } from '../../deploy/console/pair-rows.ts';
import { openConsole } from '../../deploy/console/server.ts';
import type { RunningConsole } from '../../deploy/console/server.ts';
import type { ShadowAccount, ShadowRows, SkuHistory, Stand, TaskRow } from '../../deploy/console/protocol.ts';
import { channelRecord } from '../../runtime/subjects.ts';
import { eventually, startBroker } from '../runtime/broker.ts';
import { smallWorld } from '../inspect/small-world.ts';

const launcher = fileURLToPath(new URL('../../deploy/cli/plumb.js', import.meta.url));
const serving: AccountState = { state: 'serving', health: { failures: 0 } };
const intent = { quantity: 2, version: 7, kind: 'write', lane: 'decrease', signature: 'eby-1', causeAt: 1_000, decidedAt: 1_100, correlation: 'erp:1' } as const;
const outlet = { listing: { id: 'l', fields: {} }, gross: false, rule: { buffer: 0 }, intent, proof: { version: 6, quantity: 5, at: 500, by: 'read' } } as const;
const pair = { kind: 'mirror', account: 'ebay', sku: 'A', outlet } as const;

test('a pair that is not proven tells its cause: what was answered, what holds it, or what stops its account', t => {
  const row = { account: 'ebay', sku: 'A', should: 2, shows: 5, atRisk: 3, since: 1_000 };
  t.deepEqual(rowOfUnproven(pair, serving), { ...row, state: 'waiting', cause: 'decrease to be written' });
  t.deepEqual(rowOfUnproven(pair, { state: 'frozen', health: { failures: 0, reason: 'by ops' } }), { ...row, state: 'waiting', cause: 'account is frozen (by ops); decrease to be written' });
  const answered = (answer: object) => rowOfUnproven({ ...pair, outlet: { ...outlet, answer: { signature: 'eby-1', at: 1_200, ...answer } } as never }, serving);
  t.deepEqual(answered({ outcome: 'accepted' }), { ...row, state: 'accepted', cause: 'accepted, not seen yet' });
  t.deepEqual(answered({ outcome: 'ambiguous' }), { ...row, state: 'unanswered', cause: 'the write got no answer: written again' });
  t.deepEqual(answered({ outcome: 'refused', code: '25702', message: 'unknown SKU' }), { ...row, state: 'refused', cause: 'refused: 25702 unknown SKU' });
  t.deepEqual(answered({ outcome: 'refused', signature: 'eby-0' }).state, 'waiting', 'an answer to an earlier write says nothing of this one');
  const zero = { ...pair, outlet: { ...outlet, intent: { ...intent, quantity: 0, lane: 'zero' as const } } };
  const held = rowOfUnproven(zero, { ...serving, governor: { held: { zero: 900 }, dropped: {} } });
  t.deepEqual([held.state, held.cause], ['held', 'too many would go to zero at once: the batch is held']);
  const own = { ...pair, outlet: { ...outlet, intent: { ...intent, kind: 'verify' as const, lane: 'verify' as const } } };
  t.like(rowOfUnproven(own, serving), { shows: 2, atRisk: 0, cause: 'to be read back' }, 'its own sale has made it so');
  const { proof: _none, ...unseen } = outlet;
  t.like(rowOfUnproven({ ...pair, outlet: unseen }, serving), { shows: null, atRisk: 0 });
});

test('in escrow a write in doubt risks nothing, and a shortfall risks its debt at all channels together', t => {
  const cell = { rights: 4, high: 0, quietUntil: 0, through: 0, counter: 0, shown: 3 };
  const write = { id: 'i', to: 4, reserved: 1, attempts: 1, firstAt: 2_000, sendBy: 0, until: 0, back: 0 };
  const row = { account: 'ebay', sku: 'A', shows: 3, should: 4, atRisk: 0, since: 2_000 };
  t.deepEqual(rowOfUnproven({ kind: 'escrow', account: 'ebay', sku: 'A', cell: { ...cell, intent: write } }, serving), { ...row, state: 'waiting', cause: 'being written: its units are reserved' });
  t.deepEqual(rowOfUnproven({ kind: 'escrow', account: 'ebay', sku: 'A', cell: { ...cell, intent: { ...write, attempts: 2 } } }, serving), { ...row, state: 'unanswered', cause: 'no answer after 2 tries: its units stay reserved' });
  const outlet = (code: string) => ({ listing: { id: 'L', fields: {} }, gross: false, rule: { buffer: 0 }, intent: { ...intent, quantity: 0 }, answer: { signature: intent.signature, outcome: 'refused' as const, at: 0, code } });
  t.deepEqual(rowOfUnproven({ kind: 'held', account: 'ebay', sku: 'A', cell, outlet: outlet('held') }, serving), { ...row, should: 0, since: intent.causeAt, state: 'held', cause: 'too many would go to zero at once: the batch is held' });
  t.like(rowOfUnproven({ kind: 'held', account: 'ebay', sku: 'A', cell, outlet: outlet('dropped') }, serving), { state: 'refused', cause: 'a person dropped it: its source is to state it anew' });
  t.like(rowOfUnproven({ kind: 'shortfall', sku: 'A', owed: 2, shortfall: { openedAt: 5, cause: 'correction', debt: 3, oversold: 1, lines: [] } }, undefined), { account: everyChannel, atRisk: 2, since: 5, state: 'drift', cause: 'shortfall (correction): 2 could be sold that do not exist, 3 at most so far; 1 were' });
});

test('the worst is first: units at risk, then what a person must do, then the oldest', t => {
  const finding = { id: 'drf-1', account: 'ebay', sku: 'D', class: 'foreign-edit', severity: 'high', version: 1, expected: 2, observed: 40, unitsAtRisk: 38, observableAt: 1, detectedAt: 3_000, repairs: 1, state: 'repairing' } as const;
  const drift = rowOfFinding(finding);
  t.like(drift, { should: 2, shows: 40, atRisk: 38, state: 'drift', cause: 'somebody else changed it: being repaired', since: 3_000 });
  const task = rowOfFinding({ ...finding, sku: 'T', class: 'missing-listing', unitsAtRisk: 0, state: 'task' });
  t.is(task.cause, 'the channel does not know the listing: a person is needed');
  const waiting = rowOfUnproven(pair, serving);
  const older = { ...waiting, sku: 'B', atRisk: 0, since: 1 };
  const newer = { ...waiting, sku: 'C', atRisk: 0, since: 2 };
  t.deepEqual([newer, older, waiting, task, drift].sort(worstFirst).map(({ sku }) => sku), ['D', 'A', 'T', 'B', 'C']);
  const owed = rowOfUnproven({ kind: 'shortfall', sku: 'D', owed: 40, shortfall: { openedAt: 5, cause: 'foreign', debt: 40, oversold: 0, lines: [] } }, undefined);
  t.is(unitsAtRisk([drift, owed, waiting]), 40 + 3, 'the hand edit is what is owed, and counts once');
});

test('oversold units are what SKUs went below zero this month; they end with the month, the missing ones do not', t => {
  let now = Date.UTC(2026, 10, 30, 23);
  const count = new OversoldCount(() => now);
  count.note('A', 2, 1);
  count.note('A', -2, 2);
  count.note('A', 0, 3);
  count.note('A', -1, 4);
  count.note('A', -5, 2);
  count.note('B', -4, 5);
  count.note('C', undefined, 6);
  const { since: _since, ...told } = count.told;
  t.deepEqual(told, { month: 7, now: 5, skus: [{ sku: 'B', units: 4 }, { sku: 'A', units: 3 }], folding: false });
  now = Date.UTC(2026, 11, 1);
  t.like(count.told, { month: 0, now: 5, skus: [], since: now });
  count.note('B', -6, 7);
  t.like(count.told, { month: 2, now: 7 });
});

test('who keeps a state without being an account is none in the console', async t => {
  const { nc, publisher } = await startBroker(t);
  const state = async (unit: string, value: object): Promise<void> => { await publisher.publish(channelRecord.state(unit), Buffer.from(JSON.stringify(value))); };
  await state('audit', { v: 1, next: 7 });
  await state('source.erp', { source: 'erp', seq: 4 });
  const buckets = new Buckets(nc, error => t.fail(error.message));
  t.teardown(() => buckets.stop());
  await state('ebay', { account: 'ebay', channel: 'ebay', state: 'serving', health: { failures: 0 } });
  await eventually('the account is known', () => buckets.accounts.size > 0);
  t.deepEqual([...buckets.accounts.keys()], ['ebay']);
});

test('an action that is none is refused by the name of what is wrong', t => {
  t.deepEqual(readAction({ verb: 'freeze', account: 'ebay', by: ' Ada ' }), { verb: 'freeze', account: 'ebay', by: 'Ada' });
  t.throws(() => readAction({ verb: 'freeze', account: 'ebay', by: '' }), { message: 'by: who does it?' });
  t.throws(() => readAction({ verb: 'freeze', account: 'ebay', by: 'a\nresume b' }), { message: 'by: one line of text' });
  t.throws(() => readAction({ verb: 'dismiss', task: 'D-1', by: 'Ada', reason: ' ' }), { message: 'reason: a dismissal needs a reason' });
  t.throws(() => readAction({ verb: 'explode' }), { message: /^verb: / });
  t.throws(() => readAction('freeze'), { message: /^action: / });
});

test('only who sends the token presses buttons, only this machine is answered, and no secret is in the page', async t => {
  const { nc } = await startBroker(t);
  const open = async (token?: string): Promise<RunningConsole> => {
    const running = await openConsole(nc, { host: '127.0.0.1', port: 0, token }, pino({ level: 'silent' }));
    t.teardown(() => running.close());
    return running;
  };
  const [reading, pressing] = [await open(), await open('a-secret-of-ours')];
  const press = (url: string, headers: Record<string, string>) => fetch(`${url}api/actions`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: '{"verb":"freeze","account":"ebay","by":"Ada"}' });
  t.is((await press(reading.url, { authorization: 'Bearer undefined' })).status, 403);
  t.is((await press(pressing.url, {})).status, 401);
  t.is((await press(pressing.url, { authorization: 'Bearer a-secret-of-theirs' })).status, 401);
  const pressed = await press(pressing.url, { authorization: 'Bearer a-secret-of-ours' });
  t.deepEqual([pressed.status, await pressed.json()], [200, { ok: false, said: 'no node owns ebay now: try again in a moment' }]);

  const page = await fetch(pressing.url);
  const policy = page.headers.get('content-security-policy')!;
  t.regex(policy, /script-src 'self';/);
  t.notRegex(policy, /unsafe|data:|\*/);
  const html = await page.text();
  t.notRegex(html, /<script(?![^>]*src=)|style="|\son\w+=/, 'nothing inline');
  const seen = new Set<string>();
  const follow = async (address: string): Promise<void> => {
    if (seen.has(address)) return;
    seen.add(address);
    const response = await fetch(new URL(address, pressing.url));
    t.is(response.status, 200, address);
    const text = await response.text();
    t.false(text.includes('a-secret-of-ours'), address);
    for (const [, name] of text.matchAll(/\bfrom\s*["'](\.?\/[^"']+)["']/g)) await follow(new URL(name!, new URL(address, pressing.url)).pathname);
  };
  await follow('/page/main.js');
  t.true(seen.has('/lib/preact.js') && seen.has('/lib/uplot.js'), [...seen].join());
  const again = await fetch(pressing.url, { headers: { 'if-none-match': page.headers.get('etag')! } });
  t.is(again.status, 304);

  const status = await new Promise<number>((resolve, reject) => {
    request(pressing.url, { headers: { host: 'shop.example' } }, answer => resolve(answer.resume().statusCode!)).on('error', reject).end();
  });
  t.is(status, 421, 'a name elsewhere that was given this address');
  t.is((await fetch(`${pressing.url}api/sku/nobody`)).status, 503, 'no node has ever stored the settings that journals are folded under');
});

test('a SKU is told through time, from its journal, and what was oversold before the console came from there too', async t => {
  const world = await smallWorld(t, ['85123A', '17940G']);
  await world.say({ id: 'e1', sku: '85123A', type: 'count', version: 1, quantity: 9 });
  for (const account of ['ebay', 'shopify']) await world.proven(account, { '85123A': 8 });
  world.shops.ebay.shop.buy('first', [{ sku: '85123A', units: 8 }]);
  world.shops.shopify.shop.buy('second', [{ sku: '85123A', units: 4 }]);
  for (const account of ['ebay', 'shopify']) await world.proven(account, { '85123A': 0 });
  const running = await openConsole(world.nc, { host: '127.0.0.1', port: 0 }, world.log);
  t.teardown(() => running.close());
  const history = async (sku: string): Promise<SkuHistory> => (await fetch(`${running.url}api/sku/${sku}`)).json() as Promise<SkuHistory>;
  const { moments, accounts, partition } = await history('85123A');
  t.deepEqual([accounts, partition], [['ebay', 'shopify'], 41]);
  const counted = moments.find(({ text }) => text.startsWith('erp counted 9'))!;
  t.like(counted, { kind: 'erp', text: 'erp counted 9; ebay, shopify to show 8' });
  t.like(counted.stand, { available: 9, onHand: 9, sold: 0 });
  t.like(counted.stand.outlets['ebay'], { should: 8, shows: 3, proven: false });
  t.deepEqual(moments.filter(({ kind }) => kind === 'order').map(({ account }) => account).sort(), ['ebay', 'shopify']);
  t.like(moments.at(-1)!.stand, { available: -3, onHand: 9, sold: 12 });
  t.deepEqual([...moments].sort((a, b) => a.at - b.at).map(({ at }) => at), moments.map(({ at }) => at));
  t.is((await fetch(`${running.url}api/sku/nobody`)).status, 404);
  t.deepEqual(await (await fetch(`${running.url}api/skus?q=5123a`)).json(), { skus: ['85123A'] });

  const events = await fetch(`${running.url}events`);
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
  let heard = '';
  await eventually('the month is told', async () => {
    heard += (await reader.read()).value ?? '';
    return heard.includes('"oversold":{"month":3,"now":3,"skus":[{"sku":"85123A","units":3}]') && heard.includes('"folding":false');
  });
  await reader.cancel();
  t.deepEqual(world.complaints, []);
});

test('in escrow a SKU is told by what each channel may sell, and what is owed is at risk', async t => {
  const world = await smallWorld(t, ['85123A', '17940G'], { exposure: { mode: 'escrow', marginMs: 500 } });
  const running = await openConsole(world.nc, { host: '127.0.0.1', port: 0 }, world.log);
  t.teardown(() => running.close());
  // Both channels show 3 before anything is counted: 2 more than there are, until one is known to show less.
  await world.say({ id: 'e1', sku: '17940G', type: 'count', version: 1, quantity: 4 });
  const stand = async (): Promise<Stand | undefined> => ((await (await fetch(`${running.url}api/sku/17940G`)).json()) as Partial<SkuHistory>).moments?.at(-1)?.stand;
  const lowered = (told: Stand | undefined) => Object.values(told?.outlets ?? {}).filter(({ should, proven }) => should === 0 && !proven);
  await eventually('one of them is lowered', async () => lowered(await stand()).length === 1, 20_000);
  const told = (await stand())!;
  t.like(told, { available: 4, escrow: { why: 'pinned', debt: 2 } });
  t.deepEqual(Object.values(told.outlets).map(({ rights }) => rights), [3, 3], 'what is lowered counts until that is proven');

  const events = await fetch(`${running.url}events`);
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
  t.teardown(() => reader.cancel());
  let heard = '';
  await eventually('the debt is at risk', async () => {
    heard += (await reader.read()).value ?? '';
    return /"unitsAtRisk":2,"pairsAtRisk":1/.test(heard) && heard.includes(`"account":"${everyChannel}","sku":"17940G"`);
  });
});

test('a held batch is a task that is released or dropped, and an account is drained and resumed, by whoever is named', async t => {
  const world = await smallWorld(t, ['A', 'B', 'C'], { governor: { zero: { share: 0, least: 1 }, raise: { share: 1, least: 100 } } });
  const running = await openConsole(world.nc, { host: '127.0.0.1', port: 0, token: 'ours' }, world.log);
  t.teardown(() => running.close());
  const press = async (action: object): Promise<unknown> =>
    (await fetch(`${running.url}api/actions`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: 'Bearer ours' }, body: JSON.stringify({ ...action, by: 'Ada' }) })).json();
  const say = (sku: string, version: number, quantity: number) => world.say({ id: `${sku}-${version}`, sku, type: 'count', version, quantity });
  for (const sku of ['A', 'B', 'C']) await say(sku, 1, 6);
  for (const account of ['ebay', 'shopify']) await world.proven(account, { A: 5, B: 5, C: 5 });
  t.deepEqual(await press({ verb: 'drain', account: 'shopify' }), { ok: true, said: 'shopify is serving, 3 listings are emptied' });
  await world.proven('shopify', { A: 0, B: 0, C: 0 });
  t.deepEqual(await press({ verb: 'resume', account: 'shopify' }), { ok: true, said: 'shopify is serving, 3 listings are filled again' });
  await world.proven('shopify', { A: 5, B: 5, C: 5 });
  for (const sku of ['A', 'B', 'C']) await say(sku, 2, 0);
  const reader = (await fetch(`${running.url}events`)).body!.pipeThrough(new TextDecoderStream()).getReader();
  t.teardown(() => reader.cancel());
  let tasks: TaskRow[] = [];
  let text = '';
  await eventually('both accounts hold the batch', async () => {
    text += (await reader.read()).value ?? '';
    const told = [...text.matchAll(/^event: tasks\ndata: (.*)\n$/gm)].at(-1)?.[1];
    tasks = told === undefined ? [] : JSON.parse(told) as TaskRow[];
    return tasks.length === 2;
  }, 20_000);
  t.deepEqual(tasks.map(({ class: kind, about, move, can }) => [kind, about, move, can]), Array.from({ length: 2 }, () => ['governor', 'a batch of zeros', 'zero', ['release', 'drop']]));
  t.regex(JSON.stringify(await press({ verb: 'release', account: 'ebay', move: 'zero' })), /^\{"ok":true,"said":"released [123] listings at ebay"\}$/);
  await world.proven('ebay', { A: 0, B: 0, C: 0 });
  t.regex(JSON.stringify(await press({ verb: 'drop', account: 'shopify', move: 'zero' })), /^\{"ok":true,"said":"dropped [123] listings at shopify"\}$/);
  // Emptying is said anew where a zero was dropped.
  t.deepEqual(await press({ verb: 'drain', account: 'shopify' }), { ok: true, said: 'shopify is serving, 3 listings are emptied' });
  await world.proven('shopify', { A: 0, B: 0, C: 0 });
  t.deepEqual(await press({ verb: 'write', account: 'ebay', sku: 'A' }), { ok: false, said: 'ebay: nothing is pending for "A" at ebay' });
  const who = (await world.bodies('DEAD')).filter(body => body['resolved'] === true).map(body => String(body['by']));
  t.true(who.length === 2 && who.every(by => by.startsWith('Ada: ')), who.join());
});

test('it says when NATS does not answer, and that it does again', async t => {
  const { nc, server } = await startBroker(t);
  t.teardown(() => { process.kill(server.pid, 'SIGCONT'); });
  const running = await openConsole(nc, { host: '127.0.0.1', port: 0 }, pino({ level: 'silent' }));
  t.teardown(() => running.close());
  const events = await fetch(`${running.url}events`);
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
  t.teardown(() => reader.cancel());
  const hear = async (warnings: string): Promise<void> => {
    for (let text = ''; !text.includes(`"warnings":${warnings}`); text += (await reader.read()).value ?? '');
  };
  await hear('["no node answers: what is shown is what the journals say, and nothing is written"]');
  process.kill(server.pid, 'SIGSTOP');
  await hear('["NATS does not answer: what is shown is old"');
  process.kill(server.pid, 'SIGCONT');
  await hear('["no node answers: what is shown is what the journals say, and nothing is written"]');
  t.pass();
});

test('the command prints where it is and its token, ends when it is told to, and says why it cannot begin', async t => {
  const { server } = await startBroker(t);
  const start = (...args: string[]) => {
    const child = spawn(process.execPath, [launcher, 'console', '--nats', server.url, ...args], { env: { ...process.env, PLUMB_CONSOLE_TOKEN: '' } });
    t.teardown(() => child.kill('SIGKILL'));
    const said = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => { said.out += chunk.toString(); });
    child.stderr.on('data', (chunk: Buffer) => { said.err += chunk.toString(); });
    return { child, said, ended: once(child, 'exit') };
  };
  const first = start('--port', '0', '--actions');
  await eventually('it is open', () => /buttons/.test(first.said.out), 20_000);
  const [, url, token] = /^(http:\/\/127\.0\.0\.1:\d+\/)\ntoken for its buttons: ([\w-]{24})\n$/.exec(first.said.out)!;
  const pressed = await fetch(`${url}api/actions`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, body: '{}' });
  t.is(pressed.status, 400);
  const second = start('--port', new URL(url!).port);
  t.deepEqual(await second.ended, [1, null]);
  t.regex(second.said.err, /^plumb: cannot listen on 127\.0\.0\.1:\d+: /);
  first.child.kill('SIGTERM');
  t.deepEqual(await first.ended, [0, null]);
  t.is(first.said.err, '');
});

test('an account in shadow is shown as that, and what it is not to be written yet is not out of sync', async t => {
  const world = await smallWorld(t, ['85123A']);
  const stage = await world.nc.request('control.channel.ebay', 'stage shadow ana', { timeout: 10_000 });
  t.like(stage.json(), { ok: true, stage: 'shadow' });
  await world.say({ id: 'e1', sku: '85123A', type: 'count', version: 1, quantity: 9 });
  await world.proven('shopify', { '85123A': 8 });
  const running = await openConsole(world.nc, { host: '127.0.0.1', port: 0 }, world.log);
  t.teardown(() => running.close());
  const reader = (await fetch(`${running.url}events`)).body!.pipeThrough(new TextDecoderStream()).getReader();
  let told = '';
  await eventually('told so', async () => {
    told += (await reader.read()).value ?? '';
    return told.split('\n').some(line => {
      if (!line.startsWith('data: ') || !line.includes('"accounts"')) return false;
      try {
        const { accounts, numbers } = JSON.parse(line.slice(6)) as { accounts: { account: string; state: string }[]; numbers: { complete: boolean; outOfSync: number } };
        return numbers.complete && numbers.outOfSync === 0 && accounts.some(({ account, state }) => account === 'ebay' && state === 'shadow');
      } catch { return false; }
    });
  }, 30_000);
  t.is(world.shops.ebay.shop.read('85123A')!.quantity, 3);
  await reader.cancel();
});

test('what accounts compare is told by account, part and listing; an account or a place that is none is refused', async t => {
  const world = await smallWorld(t, ['85123A', '17940G'], { channels: { pollMinMs: 50, graceMs: 100 } });
  await world.nc.request('control.channel.ebay', 'stage shadow ana', { timeout: 10_000 });
  await world.say({ id: 'e1', sku: '85123A', type: 'count', version: 1, quantity: 9 });
  await world.proven('shopify', { '85123A': 8 });
  const running = await openConsole(world.nc, { host: '127.0.0.1', port: 0 }, world.log);
  t.teardown(() => running.close());
  const get = async <T>(path: string): Promise<T & { error?: string }> => (await fetch(`${running.url}api/shadow${path}`)).json() as Promise<T & { error?: string }>;
  // Which accounts there are is still being read at first.
  let rows: ShadowRows & { error?: string } = { rows: [] };
  await eventually('the difference has settled', async () => {
    rows = await get<ShadowRows>('/ebay');
    return rows.rows?.length === 1 && !rows.rows[0]!.settling && rows.rows[0]!.compared > 0;
  }, 20_000);
  t.like(rows.rows[0], { sku: '85123A', listing: '85123A', live: false, verdict: 'low', shows: 3, would: 8, agreed: 0, foreign: 0 });
  t.is((await get<ShadowRows>('/ebay?differing=0')).rows.length, 2);
  const { accounts } = await get<{ accounts: ShadowAccount[] }>('');
  t.like(accounts.find(({ account }) => account === 'ebay'), { stage: 'shadow', channel: 'ebay', figures: { listings: 2, live: 0, low: 1, unknown: 1, agreed: 0 } });
  t.like(accounts.find(({ account }) => account === 'shopify'), { stage: 'live', live: 'all of it', figures: { listings: 2, live: 2, equal: 1 } });
  t.is((await get('/nobody')).error, 'no account is called "nobody"');
  t.is((await get('/ebay?from=-1')).error, 'from: must be a whole number from 0 on, got "-1"');
  t.is((await get('/ebay?differing=yes')).error, 'differing: must be 0 or 1, got "yes"');
});
