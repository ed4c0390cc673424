/**
 * The demo: everything is started, Plumb makes five marketplaces show the truth, buyers rush in, things go wrong on
 * purpose, and when all is quiet again a referee who read the marketplaces' own books gives the verdict.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from 'nats';
import { DeadLetters } from '../../runtime/dead/letters.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { afterwards } from './afterwards.ts';
import { serveConsole } from './console.ts';
import type { ServedConsole } from './console.ts';
import { alarmStories } from './alarm-story.ts';
import { collectEvidence, feedDone } from './evidence.ts';
import { runFaults } from './faults.ts';
import type { Incident } from './faults.ts';
import { count, duration } from './format.ts';
import { Lifetime } from './lifetime.ts';
import { noFeed } from './picture.ts';
import type { FeedProgress, Progress } from './picture.ts';
import { planDemo } from './plan.ts';
import { verifyAll } from '../replay.ts';
import type { DemoOptions, DemoPlan } from './plan.ts';
import { judge } from './referee.ts';
import { openScreen } from './screen.ts';
import type { Screen } from './screen.ts';
import { setStage } from './stage.ts';
import type { Stage } from './stage.ts';
import { isQuiet } from './status.ts';
import type { Drift, StatusWatch } from './status.ts';
import { conclude, falseAlarms, promises, verdictLines } from './verdict.ts';
import type { Conclusion } from './verdict.ts';

const roundMs = 1_000;
/** Orders are placed so long after their planned time, at most, while marketplaces keep up, ms. */
const lagMs = 5_000;
/** Nothing may move for so long before it counts as quiet, ms. */
const stableMs = 3_000;
/** Under escrow each listing's first number is what an earlier tool left there, and has to be worked off by proof. */
const importWithinMs = { mirror: 300_000, auto: 300_000, escrow: 600_000 };
/** In escrow units move between marketplaces by proof, one after the other, at the pace of the slowest vendor. */
const quietWithinMs = { mirror: 120_000, auto: 300_000, escrow: 300_000 };

/**
 * Runs the demo from start to verdict and leaves nothing behind.
 *
 * @returns true when every check holds
 * @throws {TraceError} for a trace that cannot be used, {OccupiedError} for a server in use; {Error} when it cannot start
 */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const plan = planDemo(options);
  const folder = mkdtempSync(join(tmpdir(), 'plumb-demo-'));
  const lifetime = new Lifetime([folder]);
  lifetime.rule();
  lifetime.defer(() => rmSync(folder, { recursive: true, force: true }));
  const screen = openScreen({ json: options.json });
  lifetime.defer(() => screen.close());
  try {
    const demo = new Demo(options, plan, screen, lifetime);
    const { ok, checks, figures } = await demo.play(folder);
    screen.close();
    screen.print('');
    for (const line of verdictLines({ checks, figures })) screen.print(line);
    if (options.json) process.stdout.write(`${JSON.stringify({ ok, checks, figures })}\n`);
    if (options.keep) await demo.stay();
    return ok;
  } finally {
    await lifetime.end();
  }
}

class Demo {
  readonly #options: DemoOptions;
  readonly #plan: DemoPlan;
  readonly #screen: Screen;
  readonly #lifetime: Lifetime;
  readonly #startedAt = Date.now();
  readonly #driftListeners = new Set<(drift: Drift) => void>();
  readonly #broken = Promise.withResolvers<never>();
  #phase = 'starting';
  #openedAt: number | undefined;
  #writesBefore: Record<string, number> = {};
  #feed: FeedProgress = noFeed;
  #stage!: Stage;
  #watch!: StatusWatch;
  #console: ServedConsole | undefined;

  constructor(options: DemoOptions, plan: DemoPlan, screen: Screen, lifetime: Lifetime) {
    this.#options = options;
    this.#plan = plan;
    this.#screen = screen;
    this.#lifetime = lifetime;
    this.#broken.promise.catch(() => {}); // Heard by whoever waits at that time.
  }

  async play(folder: string): Promise<Conclusion> {
    const announce = this.#screen.announce.bind(this.#screen);
    this.#stage = await setStage(this.#options, this.#plan, folder, this.#lifetime, announce);
    const { nc, processes, accounts } = this.#stage;
    if (this.#options.keep) this.#console = await serveConsole(nc, this.#lifetime, announce);
    processes.onDeath = (name, why) => this.#broken.reject(new Error(`${name} died: ${why}`));
    processes.onMessage('feed', message => {
      if (message.type === 'progress') this.#feed = message as unknown as FeedProgress;
      if (message.type === 'failed') this.#broken.reject(new Error(`feed: ${String(message.message)}`));
    });
    this.#watch = this.#stage.watch;
    this.#watch.onDrift = drift => { for (const hear of this.#driftListeners) hear(drift); };
    this.#keepWatching();

    this.#phase = 'importing';
    const importWithin = importWithinMs[this.#options.mode];
    const importMs = await this.#rest(importWithin, this.#plan.skus);
    if (importMs === undefined) throw new Error(`the listings did not all become true within ${duration(importWithin)}; ${this.#stragglers()}`);
    announce(`all ${count(this.#plan.skus * accounts.length)} listings show the truth: the doors open, ${count(this.#plan.lines)} order lines come in ${duration(this.#plan.tradingMs)}`, 'good');

    this.#phase = 'orders';
    const openedAt = this.#openedAt = Date.now();
    this.#writesBefore = Object.fromEntries(this.#watch.current.channels.map(({ account, totals }) => [account, totals.writes]));
    const stop = new AbortController();
    this.#lifetime.defer(() => stop.abort());
    processes.tell('feed', { type: 'open' });
    const done = feedDone(processes);
    const incidents = await this.#unlessBroken(Promise.all([this.#faults(stop.signal), done]).then(([all]) => all));
    const closedAt = Date.now();

    this.#phase = 'settling';
    announce('the last buyer has left; waiting until nothing moves any more');
    const settleMs = await this.#rest(quietWithinMs[this.#options.mode], this.#plan.skus, closedAt);
    if (settleMs === undefined) announce(`not quiet after ${duration(quietWithinMs[this.#options.mode])}; ${this.#stragglers()}`, 'bad');

    this.#phase = 'verdict';
    const [evidence, replayed] = await this.#unlessBroken(Promise.all([collectEvidence(this.#stage, incidents, openedAt, this.#options), verifyAll(nc)]));
    const status = await this.#watch.round();
    return conclude({
      stories: await alarmStories(nc, falseAlarms(status.drifts, incidents), evidence.accounts, openedAt),
      replayed, mode: this.#options.mode,
      writesBefore: this.#writesBefore, skus: this.#plan.skus,
      proofAgeMs: this.#plan.proofAgeMs, deadLetters: await deadLetters(nc),
      verdict: judge(evidence), status, incidents, feed: await done,
      times: { importMs, tradingMs: closedAt - openedAt, settleMs, totalMs: Date.now() - this.#startedAt },
    });
  }

  /** After the verdict: the stage stands until Ctrl-C, and a node that somebody kills comes back. */
  async stay(): Promise<void> {
    const { processes } = this.#stage;
    const announce = this.#screen.announce.bind(this.#screen);
    processes.onDeath = (name, why) => {
      if (!this.#stage.nodes.includes(name)) return this.#broken.reject(new Error(`${name} died: ${why}`));
      announce(`node ${name} died; it is started again in 5 s`, 'fault');
      setTimeout(() => {
        if (this.#lifetime.isEnding) return;
        processes.restart(name).then(() => announce(`node ${name} is started again`, 'good'), error => announce(String(error), 'bad'));
      }, 5_000);
    };
    for (const line of await afterwards(this.#stage, this.#console)) this.#screen.print(line);
    this.#phase = 'kept running until Ctrl-C';
    this.#openedAt = undefined;
    await this.#broken.promise;
  }

  #faults(signal: AbortSignal): Promise<Incident[]> {
    return runFaults(this.#plan.faults, {
      processes: this.#stage.processes, watch: this.#watch, durationMs: this.#plan.tradingMs, signal,
      announce: (text, mood) => this.#screen.announce(text, mood),
      admins: this.#stage.admins,
      detectMs: 2 * this.#plan.proofAgeMs + promises.detectedMs,
      command: async (account, command) => (await this.#stage.nc.request(`control.channel.${account}`, command, { timeout: 10_000 })).json(),
      // Under escrow a channel that shows more than all that exists is lowered at the first read, without an alarm.
      editBy: this.#options.mode === 'mirror' ? 40 : 5,
      moving: withinMs => this.#moving(withinMs),
      onDrift: hear => {
        this.#driftListeners.add(hear);
        return () => this.#driftListeners.delete(hear);
      },
    });
  }

  /** SKUs that move within so long from now on; buyers may lag behind their plan. */
  #moving(withinMs: number): Set<string> {
    const now = Date.now() - this.#openedAt!;
    return new Set([...this.#plan.moves].filter(([, times]) => times.some(at => at >= now - lagMs && at <= now + withinMs)).map(([sku]) => sku));
  }

  /** A round a second, shown, until the end. */
  #keepWatching(): void {
    const round = async (): Promise<void> => {
      await this.#watch.round();
      if (!this.#lifetime.isEnding) this.#screen.update(this.#watch.current, this.#progress());
    };
    const timer = setInterval(() => { void round(); }, roundMs);
    this.#lifetime.defer(() => clearInterval(timer));
    void round();
  }

  #progress(): Progress {
    const now = Date.now();
    const { placed, cancelled, erp } = this.#feed;
    return {
      phase: this.#phase, elapsedMs: now - this.#startedAt, feed: this.#feed,
      ...(this.#openedAt !== undefined && {
        orders: { elapsedMs: now - this.#openedAt, durationMs: this.#plan.tradingMs },
        since: { writesBefore: this.#writesBefore, events: Math.max(0, placed + cancelled + erp - this.#plan.skus) },
      }),
    };
  }

  /**
   * Waits until every account holds `listings` proven listings, has told all orders up to `ordersThrough` (epoch ms),
   * and nothing moves for a while. Returns how long that took, without the while, or undefined when it did not come.
   */
  async #rest(withinMs: number, listings: number, ordersThrough = 0): Promise<number | undefined> {
    const from = Date.now();
    let quietFrom: number | undefined;
    let before = '';
    while (Date.now() - from < withinMs) {
      const status = this.#watch.current;
      const told = status.channels.every(({ answer }) => (answer?.listings ?? 0) >= listings && (answer?.ordersCompleteThrough ?? 0) >= ordersThrough);
      const picture = JSON.stringify([status.events, status.channels.map(({ totals }) => totals.writes)]);
      if (status.at <= from || !told || !isQuiet(status) || picture !== before) quietFrom = undefined;
      else {
        quietFrom ??= status.at;
        if (status.at - quietFrom >= stableMs) return quietFrom - from;
      }
      before = picture;
      await this.#unlessBroken(new Promise(resolve => setTimeout(resolve, 250)));
    }
    return undefined;
  }

  /** What is not at rest, for people. */
  #stragglers(): string {
    return this.#watch.current.channels.map(({ account, alive, answer }) => !alive || !answer ? `${account} does not answer`
      : `${account}: ${answer.pending} pending, ${answer.drifted} drifted, ${answer.proven} of ${answer.listings} equal`).join('; ');
  }

  #unlessBroken<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#broken.promise]);
  }
}

/** Cases, open or closed, that are no answer to what the demo itself did wrong. */
async function deadLetters(nc: NatsConnection): Promise<number> {
  const publisher = new Publisher(nc, '_INBOX');
  const letters = new DeadLetters(nc, publisher);
  await letters.open();
  const cases = letters.list({ all: true });
  await letters.close();
  publisher.close();
  // Shortfalls are judged unit by unit.
  return cases.filter(one => one.body.class !== 'shortfall' && (one.body.class !== 'governor' || one.open.length > 0)).length;
}
