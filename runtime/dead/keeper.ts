/**
 * Keeps the dead-letter journal: closes what is proven to be over, and answers people over NATS. One unit, owned by one
 * node; whoever takes it over reads the journal again and goes on.
 */
import type { NatsConnection, Subscription } from 'nats';
import type { Logger } from 'pino';
import { z } from 'zod';
import { healedBy } from '../../actors/reconciler/dead-letters.ts';
import type { SkuState } from '../../actors/reconciler/dead-letters.ts';
import type { Stock } from '../../actors/sku/protocol.ts';
import type { ActorRecord } from '../actor.ts';
import type { Owned } from '../placement.ts';
import type { Publisher } from '../publisher.ts';
import type { Records } from '../records.ts';
import { isUnderstood } from '../preview.ts';
import { escapeKey, lastToken, skuRecordSubject } from '../subjects.ts';
import { DeadLetterError, DeadLetters } from './letters.ts';
import type { Task } from './letters.ts';

interface KeeperPorts {
  nc: NatsConnection;
  publisher: Publisher;
  records: Records;
  log: Logger;
  /** How often sources are asked whether they understand by now what they refused, ms. */
  understandMs?: number;
}

const lookEveryMs = 1_000;
/** Whether a source understands by now what it refused is asked so often, and of so many at a time. */
const understandEveryMs = 30_000;
const understandMost = 20;
/** Who retries by itself. */
const keeperName = 'a mapping that understands it by now';
/** Records read in one look: those not looked at for longest. */
const looksMost = 200;

export const deadControl = 'control.dead';

/** What `nats req control.dead` takes; `tasks` names cases, else the filter does. */
const requestSchema = z.strictObject({
  verb: z.enum(['list', 'show', 'retry', 'edit', 'dismiss']),
  tasks: z.array(z.string()).optional(),
  class: z.string().optional(),
  origin: z.string().optional(),
  all: z.boolean().optional(),
  by: z.string().min(1).default('somebody over NATS'),
  reason: z.string().default(''),
  raw: z.string().optional(),
});

export type DeadRequest = z.input<typeof requestSchema>;

export class DeadKeeper implements Owned {
  readonly #p: KeeperPorts;
  readonly #letters: DeadLetters;
  /** When each case was last looked at, monotonic ms. */
  readonly #lookedAt = new Map<string, number>();
  #subscription: Subscription | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** When what sources refused was looked at last, monotonic ms; and where that goes on. */
  #understoodAt = 0;
  #understoodFrom = 0;
  #looking: Promise<void> | undefined;
  #understanding: Promise<void> | undefined;
  #isOver = false;

  constructor(ports: KeeperPorts) {
    this.#p = ports;
    this.#letters = new DeadLetters(ports.nc, ports.publisher, error => ports.log.warn({ err: error }, 'dead letter could not be read'));
  }

  async start(): Promise<void> {
    const { nc } = this.#p;
    await this.#letters.open();
    this.#timer = setInterval(() => { this.#looking ??= this.#look().finally(() => { this.#looking = undefined; }); }, lookEveryMs);
    this.#subscription = nc.subscribe(deadControl, { callback: (error, message) => {
      if (!error) void this.#answer(message.string()).then(answer => message.respond(JSON.stringify(answer)));
    } });
  }

  async release(): Promise<void> {
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#subscription?.unsubscribe();
    await this.#looking;
    await this.#understanding;
    await this.#letters.close();
  }

  /** Open cases by class. */
  get figures(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { body } of this.#letters.list()) counts[body.class] = (counts[body.class] ?? 0) + 1;
    return counts;
  }

  async #look(): Promise<void> {
    // A source that takes its time holds nothing else up.
    this.#understanding ??= this.#understand().finally(() => { this.#understanding = undefined; });
    const open = this.#letters.list().filter(({ body }) => body.sku !== undefined);
    const age = ({ subject }: Task): number => this.#lookedAt.get(subject) ?? 0;
    for (const task of open.sort((a, b) => age(a) - age(b)).slice(0, looksMost)) {
      this.#lookedAt.set(task.subject, performance.now());
      try {
        const by = await this.#healed(task);
        if (by !== undefined) {
          await this.#letters.resolve(task, { how: 'healed', by });
          this.#p.log.info({ task: task.task, class: task.body.class, by }, 'dead letter healed');
          this.#lookedAt.delete(task.subject);
        }
      } catch (error) {
        this.#p.log.warn({ err: error, task: task.task }, 'dead letter could not be looked at, trying again');
      }
    }
  }

  /** What a source refused is told again once its mapping understands it. */
  async #understand(): Promise<void> {
    const { nc, log } = this.#p;
    const now = performance.now();
    if (now - this.#understoodAt < (this.#p.understandMs ?? understandEveryMs)) return;
    this.#understoodAt = now;
    // What was told again and refused again is a person's.
    const refused = this.#letters.list().filter(({ subject, body: { class: kind, source } }) => source !== undefined && (kind === 'malformed' || kind === 'unmapped') && !lastToken(subject).startsWith('retry'));
    const from = this.#understoodFrom < refused.length ? this.#understoodFrom : 0;
    this.#understoodFrom = from + understandMost;
    for (const task of refused.slice(from, from + understandMost)) {
      if (this.#isOver) return;
      try {
        const { text, meta } = await this.#letters.original(task);
        const { 'Content-Type': contentType, 'Plumb-Position': position } = meta;
        if (!await isUnderstood(nc, task.body.source!, { text, ...(contentType !== undefined && { contentType }), ...(position !== undefined && { position }) })) continue;
        await this.#letters.retry(task, keeperName);
        log.info({ task: task.task, source: task.body.source }, 'what was refused is understood by now, and told again');
      } catch (error) {
        // Nobody owns the source, or what it said is gone.
        log.debug({ err: error, task: task.task }, 'what was refused could not be looked at');
      }
    }
  }

  async #healed(task: Task): Promise<string | undefined> {
    const sku = task.body.sku!;
    try {
      escapeKey(sku);
    } catch {
      return undefined; // A name that no SKU can have.
    }
    const stored = await this.#p.records.get<ActorRecord<Stock>>(skuRecordSubject(sku));
    if (!stored) return undefined;
    const { applied, quarantined, context: { outlets } } = stored.value;
    return healedBy(task, { outlets, applied, quarantined: quarantined !== undefined } satisfies SkuState);
  }

  async #answer(text: string): Promise<object> {
    const request = parsed(text);
    if ('error' in request) return { ok: false, ...request };
    const { verb, tasks: names, by, reason, raw } = request;
    const letters = this.#letters;
    try {
      const tasks = names ? names.map(name => letters.find(name)) : letters.list(request);
      if (verb === 'list' || verb === 'show') return { ok: true, tasks };
      if (!names && request.class === undefined && request.origin === undefined) return { ok: false, error: `${verb}: which? tasks, class or origin` };
      const done: { task: string; did?: string; error?: string }[] = [];
      for (const task of tasks) {
        try {
          if (verb === 'dismiss') await letters.dismiss(task, by, reason);
          const did = verb === 'dismiss' ? 'dismissed' : verb === 'retry' ? await letters.retry(task, by) : await letters.edit(task, raw ?? '', by);
          done.push({ task: task.task, did });
        } catch (error) {
          done.push({ task: task.task, error: (error as Error).message });
        }
      }
      return { ok: done.every(({ error }) => error === undefined), done };
    } catch (error) {
      if (!(error instanceof DeadLetterError)) this.#p.log.error({ err: error }, 'dead-letter request failed');
      return { ok: false, error: (error as Error).message };
    }
  }
}

function parsed(text: string): z.output<typeof requestSchema> | { error: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { error: `is not JSON: ${(error as Error).message}` };
  }
  const request = requestSchema.safeParse(json);
  return request.success ? request.data : { error: z.prettifyError(request.error) };
}
