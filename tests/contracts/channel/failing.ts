/** What a channel owes when it fails: the class that decides what happens next, and nothing that is nobody's business. */
import { AmbiguousError, AuthError, RetryableError, ThrottledError } from '../../../actors/errors.ts';
import { loadLimits } from '../../../config/limits.ts';
import type { Behaviour } from './world.ts';

export function failing(behaviour: Behaviour, opening: Readonly<Record<string, number>>): void {
  const skus = Object.keys(opening);
  const [first] = skus as [string];

  // Waiting for rate must cost no attempt, so it must be told apart.
  behaviour('throttling is thrown as throttling and nothing is written', async (t, world) => {
    const entry = await world.entry(first, 99);
    world.fault({ kind: 'throttle', on: 'write', forMs: 60_000 });
    await t.throwsAsync(world.adapter.write([entry], world.call()), { instanceOf: ThrottledError });
    t.is(world.shop.listings.get(first)?.quantity, opening[first]);
  });

  behaviour('a server error is an error of its own class, and nothing counts as written', async (t, world) => {
    const entry = await world.entry(first, 99);
    world.fault({ kind: 'error', on: 'write', forMs: 60_000, chance: 1 });
    const error = await t.throwsAsync(world.adapter.write([entry], world.call()));
    t.true(error instanceof RetryableError || error instanceof AmbiguousError, `${error?.name}: ${error?.message}`);
    t.is(world.shop.listings.get(first)?.quantity, opening[first]);
  });

  // The classic: applied at the channel, unknown to us. Calling it failed loses a write; calling it done lies.
  behaviour('an answer lost after the write was applied is ambiguous', async (t, world) => {
    const entry = await world.entry(first, 99);
    world.fault({ kind: 'lose-answer', on: 'write', count: 1 });
    await t.throwsAsync(world.adapter.write([entry], world.call()), { instanceOf: AmbiguousError });
    await world.until(async () => world.shop.listings.get(first)?.quantity === 99 || undefined);
    t.pass();
  });

  behaviour('a request lost before it was applied is not taken for done', async (t, world) => {
    const entry = await world.entry(first, 99);
    world.fault({ kind: 'lose-request', on: 'write', count: 1 });
    const error = await t.throwsAsync(world.adapter.write([entry], world.call()));
    t.true(error instanceof RetryableError || error instanceof AmbiguousError, `${error?.name}: ${error?.message}`);
    t.is(world.shop.listings.get(first)?.quantity, opening[first]);
  });

  // A token ends in the middle of everything, for many calls at once.
  behaviour('an expired token is refreshed once for many calls and none of them fails', async (t, world) => {
    await world.import();
    world.sandbox.shop.counts['calls.token'] = 0;
    await fetch(`${world.sandbox.url}/_sandbox/faults`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"kind":"expire-tokens"}' });
    const listing = world.listing(first);
    const reads = await Promise.all([1, 2, 3, 4].map(() => world.adapter.read([listing], world.call())));
    t.deepEqual(reads.map(r => r[0]?.kind), ['read', 'read', 'read', 'read']);
    t.is(world.shop.counts['calls.token'], 1);
    t.true((world.adapter.tokenExpiresAt() ?? 0) > Date.now());
  });

  // A dead grant needs a person; hammering the token endpoint does not bring it back.
  behaviour('a revoked grant is thrown as an authorisation failure', async (t, world) => {
    const listing = (await world.import())[0]!.listing;
    world.fault({ kind: 'revoke', forMs: 60_000 });
    await fetch(`${world.sandbox.url}/_sandbox/faults`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"kind":"expire-tokens"}' });
    await t.throwsAsync(world.adapter.read([listing], world.call()), { instanceOf: AuthError });
  });

  // The journal of attempts is read by people and kept for years.
  behaviour('every exchange is told with method, path and status, and holds no secret', async (t, world) => {
    await world.set({ [first]: 11 });
    t.true(world.exchanges.length >= 2);
    t.true(world.exchanges.every(e => e.method && e.path.startsWith('/') && e.status !== undefined));
    const told = JSON.stringify(world.exchanges);
    for (const secret of world.fixture.secrets()) t.false(told.includes(secret), `an exchange shows ${secret.slice(0, 4)}…`);
  });

  behaviour('throttling of reads and order polls is thrown as throttling too', async (t, world) => {
    const listing = (await world.import())[0]!.listing;
    world.fault({ kind: 'throttle', on: 'any', forMs: 60_000 });
    await t.throwsAsync(world.adapter.read([listing], world.call()), { instanceOf: ThrottledError });
    await t.throwsAsync(world.adapter.listings(undefined, world.call()), { instanceOf: ThrottledError });
    await t.throwsAsync(world.adapter.orders(undefined, world.call()), { instanceOf: ThrottledError });
  });

  // A hint is the vendor's own wish; without one the caller's own pause counts, and a wait of nothing hammers.
  behaviour('a refusal for rate tells a wait that is above nothing, or none', async (t, world) => {
    const entry = await world.entry(first, 6);
    world.fault({ kind: 'throttle', on: 'write', forMs: 60_000 });
    const error = await t.throwsAsync<ThrottledError>(world.adapter.write([entry], world.call()), { instanceOf: ThrottledError });
    t.true(error!.retryAfterMs === undefined || error!.retryAfterMs > 0, String(error!.retryAfterMs));
    world.shop.faults.clear();
    world.fault({ kind: 'throttle', on: 'write', forMs: 60_000, retryAfterS: 7 });
    const hinted = await t.throwsAsync<ThrottledError>(world.adapter.write([entry], world.call()), { instanceOf: ThrottledError });
    t.true(hinted!.retryAfterMs === undefined || hinted!.retryAfterMs > 0, String(hinted!.retryAfterMs));
  });

  behaviour('after a storm the same adapter goes on', async (t, world) => {
    const entry = await world.entry(first, 6);
    world.fault({ kind: 'throttle', on: 'any', forMs: 60_000 });
    await t.throwsAsync(world.adapter.write([entry], world.call()));
    world.shop.faults.clear();
    await world.set({ [first]: 6 });
    t.is(world.shop.listings.get(first)?.quantity, 6);
  });

  behaviour('a failing server is retryable for reads, listings and orders', async (t, world) => {
    const listing = (await world.import())[0]!.listing;
    world.fault({ kind: 'error', on: 'any', forMs: 60_000, chance: 1 });
    await t.throwsAsync(world.adapter.read([listing], world.call()), { instanceOf: RetryableError });
    await t.throwsAsync(world.adapter.listings(undefined, world.call()), { instanceOf: RetryableError });
    await t.throwsAsync(world.adapter.orders(undefined, world.call()), { instanceOf: RetryableError });
  });

  // A read that is lost changed nothing, before or after.
  behaviour('a read whose request or answer is lost is retryable', async (t, world) => {
    const listing = (await world.import())[0]!.listing;
    world.fault({ kind: 'lose-request', on: 'read', count: 1 });
    await t.throwsAsync(world.adapter.read([listing], world.call()), { instanceOf: RetryableError });
    world.fault({ kind: 'lose-answer', on: 'read', count: 1 });
    await t.throwsAsync(world.adapter.read([listing], world.call(300)), { instanceOf: RetryableError });
    t.is((await world.read([listing])).length, 1);
  });

  // A hanging vendor must not hold an account.
  behaviour('a write ends at its deadline and is ambiguous', async (t, world) => {
    const entry = await world.entry(first, 6);
    world.fault({ kind: 'latency', on: 'write', forMs: 60_000, delayMs: 700 });
    await t.throwsAsync(world.adapter.write([entry], world.call(200)), { instanceOf: AmbiguousError });
    // It may be carried out all the same, which is why it counts as possibly applied.
    await world.pause();
    t.true([6, opening[first]].includes(world.shop.listings.get(first)!.quantity));
  });

  // The token endpoint's bad day is not a dead grant: calling it one stops the account until a person comes.
  behaviour('a failing token endpoint is retryable, and the next call finds its way', async (t, world) => {
    const listing = (await world.import())[0]!.listing;
    await world.expireTokens();
    world.fault({ kind: 'error', on: 'token', forMs: 60_000, chance: 1 });
    const { error } = await world.ended(world.adapter.read([listing], world.call()));
    t.false(error instanceof AuthError, `${error?.name}: ${error?.message}`);
    t.true(error instanceof RetryableError || error instanceof ThrottledError, `${error?.name}: ${error?.message}`);
    world.shop.faults.clear();
    t.is((await world.read([listing])).length, 1);
  });

  behaviour('a grant that was given again is used without a restart', async (t, world) => {
    const listing = (await world.import())[0]!.listing;
    world.fault({ kind: 'revoke', forMs: 60_000 });
    await world.expireTokens();
    await t.throwsAsync(world.adapter.read([listing], world.call()), { instanceOf: AuthError });
    world.shop.faults.clear();
    t.is((await world.read([listing])).length, 1);
  });

  // Hammering a dead grant is what vendors lock accounts for.
  behaviour('a dead grant is asked for once by a call, not again and again', async (t, world) => {
    const listing = (await world.import())[0]!.listing;
    world.fault({ kind: 'revoke', forMs: 60_000 });
    await world.expireTokens();
    const before = world.calls('token');
    await Promise.all([1, 2, 3].map(() => t.throwsAsync(world.adapter.read([listing], world.call()), { instanceOf: AuthError })));
    t.true(world.calls('token') - before <= 3, `${world.calls('token') - before} token calls for 3 reads`);
  });

  behaviour('the end of the token in hand is told, and undefined before there is one', async (t, world) => {
    t.is(world.fixture.again().tokenExpiresAt(), undefined);
    await world.import();
    const ends = world.adapter.tokenExpiresAt()!;
    const leftMs = (ends - Date.now()) * world.shop.clock.scale;
    t.true(ends > Date.now() && leftMs <= world.profile.token.lifeMs * 1.01 + 1_000 * world.shop.clock.scale, `${leftMs} of ${world.profile.token.lifeMs}`);
  });

  // A ticket at the vendor wants its own id of the request.
  behaviour('every answered exchange keeps the vendor\'s request id', async (t, world) => {
    await world.set({ [first]: 6 });
    const answered = world.exchanges.filter(e => e.status !== undefined && !e.path.includes('oauth') && !e.path.includes('token'));
    t.true(answered.length > 0);
    // Mercado Libre's is not documented; where it sends none there is none.
    if (world.adapter.channel !== 'mercadolibre') t.deepEqual(answered.filter(e => !e.requestId).map(e => e.path), []);
  });

  behaviour('a lost call is told as an exchange too, with its error', async (t, world) => {
    const entry = await world.entry(first, 6);
    world.exchanges.length = 0;
    world.fault({ kind: 'lose-request', on: 'write', count: 1 });
    await t.throwsAsync(world.adapter.write([entry], world.call()));
    t.deepEqual(world.exchanges.map(e => [e.status, typeof e.error]), [[undefined, 'string']]);
  });

  // Errors go to logs, dead letters and screens.
  behaviour('no error shows a secret', async (t, world) => {
    const entry = await world.entry(first, 6);
    const errors: unknown[] = [];
    const faults = [
      { kind: 'error', on: 'any', forMs: 60_000, chance: 1 }, { kind: 'throttle', on: 'any', forMs: 60_000 }, { kind: 'garble', on: 'any', forMs: 60_000 },
      { kind: 'error', on: 'token', forMs: 60_000, chance: 1 }, { kind: 'revoke', forMs: 60_000 },
    ] as const;
    for (const fault of faults) {
      world.fault(fault);
      await world.expireTokens();
      for (const work of [world.adapter.write([entry], world.call()), world.adapter.read([entry.listing], world.call()), world.adapter.orders(undefined, world.call())]) {
        const { error } = await world.ended(work);
        if (error) errors.push({ ...error, message: error.message, stack: error.stack, cause: String((error as Error).cause) });
      }
      world.shop.faults.clear();
    }
    t.true(errors.length >= 10);
    const told = JSON.stringify([errors, world.exchanges]);
    t.deepEqual(world.fixture.secrets().filter(secret => told.includes(secret)).map(secret => secret.slice(0, 6)), []);
  });

  // An operation whose limit has no bucket throws in the middle of a sale.
  behaviour('every operation is paid from a limit that is configured, and its batch is what the channel declares', async (t, world) => {
    const limits = Object.keys(loadLimits(world.adapter.channel));
    const { operations, gross, needsReading } = world.adapter;
    t.deepEqual(Object.values(operations).map(({ limit }) => limit).filter(limit => !limits.includes(limit)), []);
    t.true(Object.values(operations).every(({ cost, batch }) => cost > 0 && batch >= 1));
    const { kinds, batch } = world.profile.write;
    if (world.adapter.channel === 'generic-rest') return;
    t.is(operations.write.batch, batch);
    t.is(gross, kinds.includes('gross'));
    t.is(needsReading, kinds.includes('swap') || kinds.includes('version'));
  });
}
