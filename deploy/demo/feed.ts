/**
 * The demo's feed, a process of its own: the world that Plumb has to keep up with. It opens the listings as some earlier
 * tool left them, lets the ERP count, and on `open` runs the orders in compressed time. Its one argument is JSON, see
 * `feed-protocol.ts`, which also tells what it says and hears over IPC.
 */
import { connect } from 'nats';
import { z } from 'zod';
import { Buyers } from './buyers.ts';
import { underParent } from './child.ts';
import type { Parent } from './child.ts';
import { TraceError } from './csv.ts';
import { Dice } from './dice.ts';
import { Erp } from './erp.ts';
import { ErpWire } from './erp-wire.ts';
import { feedConfigSchema } from './feed-protocol.ts';
import type { ErpReport, FeedConfig, FromFeed, SkuSupply, ToFeed } from './feed-protocol.ts';
import { generate } from './generator.ts';
import { Market } from './market.ts';
import { Pace } from './pace.ts';
import { Told } from './told.ts';
import { readTrace } from './trace.ts';
import { countOrderLines } from './world.ts';
import type { World } from './world.ts';

/** Trading when nothing else is said, ms, and generated order lines in a second of it. */
const usualTradingMs = 40_000;
const linesPerSecond = 20;

/** The ERP looks for what is due so often, ms. */
const erpTickMs = 50;
const progressMs = 1_000;

/** The trace or the generated world that a configuration asks for. @throws {TraceError} */
export function loadWorld({ orders, stock, adjustments, limit, skus, ordersPerSecond, rushes, seed, speed, tradingMs }: FeedConfig): World {
  if (orders === undefined) {
    const wallMs = tradingMs ?? usualTradingMs;
    const lines = limit ?? Math.max(1, Math.round(linesPerSecond * wallMs / 1_000));
    return generate({
      seed, spanMs: Math.round(wallMs * speed), ...(skus !== undefined && { skus }),
      ...(ordersPerSecond === undefined ? { lines } : { orders: Math.max(1, Math.round(ordersPerSecond * wallMs / 1_000)) }),
      ...(rushes && { rushes: { everyMs: rushes.everyMs * speed, forMs: rushes.forMs * speed, times: rushes.times } }),
    });
  }
  const world = readTrace({ orders, stock, adjustments, limit, seed });
  const end = (world.events[0]?.atMs ?? 0) + (tradingMs ?? Infinity) * speed;
  return { ...world, events: world.events.filter(event => event.atMs <= end) };
}

class Feed {
  readonly #world: World;
  readonly #seed: number;
  readonly #leftOver: FeedConfig['leftOvers'];
  readonly #parent: Parent;
  readonly #markets: Map<string, Market>;
  readonly #erp: Erp;
  readonly #told = new Told();
  readonly #wire: ErpWire;
  readonly #buyers: Buyers;
  readonly #pace: Pace;
  #done = 0;
  #opened = false;

  constructor(config: FeedConfig, world: World, parent: Parent, markets: Map<string, Market>, connection: Awaited<ReturnType<typeof connect>>) {
    this.#world = world;
    this.#seed = config.seed;
    this.#leftOver = config.leftOvers;
    this.#parent = parent;
    this.#markets = markets;
    this.#erp = new Erp({ seed: config.seed });
    this.#wire = new ErpWire(connection, this.#told, Date.now);
    this.#buyers = new Buyers(markets, this.#erp, Date.now);
    this.#pace = new Pace(world.events[0]?.atMs ?? 0, config.speed, Date.now);
  }

  /** Listings first, then counts, then `ready`. */
  async prepare(): Promise<void> {
    const { events, stock } = this.#world;
    await Promise.all([...this.#markets.values()].map(market => market.list(this.#leftOvers(market.account))));
    this.#tell({ type: 'listed', skus: stock.size, accounts: [...this.#markets.keys()] });
    this.#erp.open(stock, Date.now());
    await this.#speak();
    this.#tell({
      type: 'ready', skus: stock.size, orders: events.filter(event => event.kind === 'order').length, lines: countOrderLines(events),
      events: events.length, traceFromMs: events[0]?.atMs ?? 0, traceToMs: events.at(-1)?.atMs ?? 0,
    });
  }

  /** Acts on what the supervisor says. Trading runs until `done` is told. @throws {Error} when a sandbox or the broker fails */
  async hear(message: ToFeed): Promise<void> {
    switch (message.type) {
      case 'open':
        if (!this.#opened) await this.#trade();
        return;
      case 'pause': return this.#pace.pause();
      case 'resume': return this.#pace.resume();
      case 'recount': return this.#erp.recount(Date.now(), message.wrong);
      case 'supply': return this.#tell({ type: 'supply', skus: [...this.#supply()], erp: this.#erpReport() });
    }
  }

  /** Repeats of opening counts are on their way even before trading. */
  async keepSpeaking(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#speak();
      await new Promise(resolve => setTimeout(resolve, erpTickMs));
    }
  }

  async #trade(): Promise<void> {
    this.#opened = true;
    const progress = setInterval(() => this.#progress(), progressMs);
    try {
      this.#pace.start();
      for (const event of this.#world.events) {
        await this.#pace.until(event.atMs);
        if (event.kind === 'adjust') this.#erp.adjust(event.sku, event.delta, event.reason, Date.now());
        else await this.#buyers.act(event);
        this.#done += 1;
      }
      await this.#buyers.settled();
      this.#erp.close();
      do await this.#speak(); while (!this.#erp.idle);
    } finally {
      clearInterval(progress);
    }
    this.#progress();
    this.#tell({ type: 'done', figures: { ...this.#buyers.figures, erp: this.#erpReport() } });
  }

  #speak(): Promise<void> {
    return this.#wire.send(this.#erp.due(Date.now()));
  }

  /** What an earlier tool left in the listings: nothing mostly, else a number that was true once, perhaps. */
  #leftOvers(account: string): { sku: string; quantity: number }[] {
    if (this.#leftOver === 'true') return [...this.#world.stock].map(([sku, quantity]) => ({ sku, quantity }));
    const dice = new Dice(this.#seed, `left-overs/${account}`);
    return [...this.#world.stock].map(([sku, quantity]) => ({
      sku, quantity: dice.chance(0.7) ? 0 : dice.between(1, Math.max(20, Math.ceil(1.5 * quantity))),
    }));
  }

  #progress(): void {
    const { linesSold, linesRefused, linesCancelled } = this.#buyers.figures;
    this.#tell({
      type: 'progress', placed: linesSold, refused: linesRefused, cancelled: linesCancelled, erp: this.#told.figures.published,
      done: this.#done, total: this.#world.events.length, traceMs: Math.min(Math.round(this.#pace.traceMs), this.#world.events.at(-1)?.atMs ?? 0),
    });
  }

  *#supply(): Generator<SkuSupply> {
    for (const truth of this.#erp.truths()) yield { ...truth, timeline: this.#told.timeline(truth.sku) };
  }

  #erpReport(): ErpReport {
    return { ...this.#told.figures, ...this.#erp.mischief, ...this.#erp.figures };
  }

  #tell(message: FromFeed): void {
    const { type, ...info } = message;
    if (type === 'ready') this.#parent.ready(info);
    else this.#parent.tell({ ...info, type });
  }
}

async function main(argument: string | undefined): Promise<void> {
  const ending = new AbortController();
  const closers: (() => Promise<unknown>)[] = [];
  const parent = underParent(async () => {
    ending.abort();
    await Promise.all(closers.map(close => close()));
  });
  const fail = (error: unknown): void => {
    if (ending.signal.aborted) return;
    const unusable = error instanceof TraceError || error instanceof ConfigError;
    const message = unusable ? error.message : (error as Error)?.stack ?? String(error);
    process.stderr.write(`${message}\n`);
    const failed: FromFeed = { type: 'failed', message, code: unusable ? 2 : 1 };
    if (process.send && process.connected) process.send(failed, undefined, undefined, () => process.exit(failed.code));
    else process.exit(failed.code);
  };
  try {
    const config = readConfig(argument);
    const world = loadWorld(config);
    checkAccounts(config, world);
    const markets = new Map(Object.entries(config.accounts).map(([account, url]) => [account, new Market(account, url)]));
    closers.push(...[...markets.values()].map(market => () => market.close()));
    const connection = await connect({ servers: config.natsUrl, name: 'plumb-feed', maxReconnectAttempts: -1, waitOnFirstConnect: true });
    closers.push(() => connection.close());
    const feed = new Feed(config, world, parent, markets, connection);
    const prepared = feed.prepare();
    parent.onMessage(message => { prepared.then(() => feed.hear(message as ToFeed)).catch(fail); });
    await prepared;
    await feed.keepSpeaking(ending.signal);
  } catch (error) {
    fail(error);
  }
}

/** The argument is not what `feedConfigSchema` says. */
class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

function readConfig(argument: string | undefined): FeedConfig {
  let json: unknown;
  try {
    json = JSON.parse(argument ?? '');
  } catch (error) {
    throw new ConfigError(`feed: the one argument must be JSON, got ${JSON.stringify(argument)}`, { cause: error });
  }
  const parsed = feedConfigSchema.safeParse(json);
  if (!parsed.success) throw new ConfigError(`feed: wrong configuration\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

function checkAccounts({ accounts }: FeedConfig, { events }: World): void {
  for (const event of events) {
    if (event.kind !== 'adjust' && !Object.hasOwn(accounts, event.account)) throw new ConfigError(`feed: order ${event.orderId} is for account ${event.account}, which has no sandbox`);
  }
}

if (import.meta.main) await main(process.argv[2]);
