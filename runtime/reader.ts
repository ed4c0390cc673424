/**
 * Reads a stream in order from a given sequence, without acks (they lose order on failure), and goes on after broken
 * connections, stopped leaders and deleted consumers without skipping or repeating. An ordered push consumer, as the
 * broker has it, read by hand: deliveries are numbered, so a missing one is seen by the next, or by the heartbeat.
 */
import type { ConsumerConfig, JetStreamManager } from '@nats-io/jetstream';
import { AckPolicy, DeliverPolicy, jetstreamManager } from '@nats-io/jetstream';
import type { ConnectionOptions, Msg, NatsConnection } from 'nats';
import { createInbox, nanos, nuid, TimeoutError } from 'nats';
import { makeConsumer } from './consumer.ts';
import { onReconnect } from './reconnect.ts';
import { headersOf, StreamMessage } from './stream-message.ts';

export interface ReaderOptions {
  stream: string;
  /**
   * All of the stream's subjects cost the server nothing. Any other filter costs it more, for each message that the
   * reader is behind, the more subjects there are (docs/performance.md).
   */
  filter: string;
  /** First sequence wanted, what was stored from a time on, or the newest message of each subject. */
  from: number | Date | 'last-per-subject';
  /** Told of each message in order; a promise holds back the next one. A message it throws on is handed out again. */
  onMessage(message: StreamMessage): void | Promise<void>;
  /** Called once when everything that was there at the start has been read. */
  onCaughtUp?(): void;
  onError?(error: Error): void;
  /** Shown in `nats consumer report`. */
  name: string;
  idleHeartbeatMs?: number;
  /** A broker that has not made the consumer by then is asked for the same one again. */
  askEveryMs?: number;
  /** Nothing was read for so long: the stream's leader is asked whether there is more. */
  lookEveryMs?: number;
}

/** A consumer that says nothing for so many heartbeats is made anew. */
const missedMax = 3;
const restMs = 250;
/**
 * A consumer that was asked for so often is given up for another, which waits twice as long: its server may be gone. A
 * filter over a large stream, on a busy server, has taken several seconds, up to this.
 */
const asksMax = 3;
const madeWithinMostMs = 30_000;

export class Reader {
  readonly #nc: NatsConnection;
  readonly #options: ReaderOptions;
  /** Read and not handed out: messages behind one that is held, and the broker's own questions in their place. */
  #waiting: (StreamMessage | (() => void))[] = [];
  #held = false;
  /** The consumer is given up: what it still sends is not in order any more. */
  #broken = false;
  #stopped = false;
  /** Sequence of the last message that is done with; a server that lags behind may begin with earlier ones. */
  #last: number;
  #caughtUp = false;
  /** Consumers in a row that the broker did not make in time. */
  #late = 0;
  /** Nothing but this was read, since then, monotonic ms. */
  #lastHeard = 0;
  #quietSince = 0;
  /** Ends the wait for what the leader has and the consumer did not tell of. */
  #doubt: NodeJS.Timeout | undefined;
  /** Ends what the reader is waiting for: a consumer to break, or a rest. */
  #wake: (error?: Error) => void = () => {};
  readonly done: Promise<void>;

  constructor(nc: NatsConnection, options: ReaderOptions) {
    this.#nc = nc;
    this.#options = options;
    this.#last = typeof options.from === 'number' ? Math.max(0, options.from - 1) : 0;
    this.done = this.#run();
  }

  /** Nothing is handed out any more, not even what was read; messages handed out before may still be in work. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.done;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#read();
      } catch (error) {
        if (this.#stopped) return;
        this.#options.onError?.(error as Error);
        let timer: NodeJS.Timeout | undefined;
        await this.#until(wake => { timer = setTimeout(wake, restMs); });
        clearTimeout(timer);
      }
    }
  }

  /** Resolves when the consumer broke and another should be made; rejects when that was our own doing. */
  async #read(): Promise<void> {
    const { stream, filter, from, name, idleHeartbeatMs = 500, askEveryMs = 2_000 } = this.#options;
    const { inboxPrefix } = (this.#nc as NatsConnection & { options: ConnectionOptions }).options;
    const inbox = createInbox(inboxPrefix);
    // Named for people, and new each time: a former consumer of the same name lives on for a while.
    const consumer = `${name}-${nuid.next().slice(-8)}`;
    const jsm = await jetstreamManager(this.#nc, { checkAPI: false, timeout: madeWithinMostMs });
    const over = new AbortController();
    let delivered = 0;
    let missed = 0;
    this.#broken = false;
    const subscription = this.#nc.subscribe(inbox, { callback: (error, message) => {
      missed = 0;
      if (this.#broken) return;
      if (error) return this.#wake(error);
      if (!message.reply?.startsWith('$JS.ACK.')) return this.#asked(message, delivered);
      const next = new StreamMessage(message);
      if (next.delivery !== delivered + 1) return this.#wake();
      delivered = next.delivery;
      this.#take(next);
    } });
    const forget = onReconnect(this.#nc, () => this.#wake());
    let alive: NodeJS.Timeout | undefined;
    try {
      await this.#until(wake => {
        const withinMs = Math.min(madeWithinMostMs, asksMax * askEveryMs * 2 ** this.#late);
        void makeConsumer(jsm, stream, {
          name: consumer,
          deliver_subject: inbox,
          filter_subject: filter,
          ...startOf(this.#last, from),
          ack_policy: AckPolicy.None,
          max_deliver: 1,
          flow_control: true,
          idle_heartbeat: nanos(idleHeartbeatMs),
          inactive_threshold: nanos(10_000),
          mem_storage: true,
          num_replicas: 1,
        }, { askEveryMs, withinMs, over: over.signal }).then(info => {
          this.#late = 0;
          if (over.signal.aborted) return;
          this.#quietSince = performance.now();
          // Before, silence says nothing: the broker may still be at work on it, and to ask anew would begin from nothing.
          alive = setInterval(() => {
            if (++missed >= missedMax) this.#wake();
            else this.#listen(jsm, over.signal);
          }, idleHeartbeatMs);
          if (info.num_pending === 0 && info.delivered.consumer_seq === 0) this.#catchUp();
        }, (error: unknown) => {
          if (error instanceof TimeoutError) this.#late += 1;
          wake(error as Error);
        });
      });
    } finally {
      over.abort();
      forget();
      clearInterval(alive);
      clearTimeout(this.#doubt);
      subscription.unsubscribe();
      this.#waiting = [];
      void jsm.consumers.delete(stream, consumer).catch(() => undefined);
    }
  }

  /**
   * A consumer on a server that fell behind its stream's leader lives, sends heartbeats, and has nothing to say. Where
   * nothing was read for a while the leader is asked; what it has and does not come within as long is read elsewhere.
   */
  #listen(jsm: JetStreamManager, over: AbortSignal): void {
    const { stream, filter, from, lookEveryMs = 3_000 } = this.#options;
    const now = performance.now();
    if (this.#held || this.#last !== this.#lastHeard) [this.#lastHeard, this.#quietSince] = [this.#last, now];
    if (now - this.#quietSince < lookEveryMs) return;
    this.#quietSince = now;
    jsm.streams.getMessage(stream, { last_by_subj: filter }).then(last => {
      if (!last || over.aborted || last.seq <= this.#last || (from instanceof Date && last.time < from)) return;
      const before = this.#last;
      clearTimeout(this.#doubt);
      this.#doubt = setTimeout(() => {
        if (this.#held || this.#last > before) return;
        this.#options.onError?.(new Error(`message ${last.seq} of ${stream} does not come, and ${before} was the last one read`));
        this.#wake();
      }, lookEveryMs);
    }, () => undefined);
  }

  /** A heartbeat, or a question whether we keep up: answered when all before it is done with. */
  #asked(message: Msg, delivered: number): void {
    const header = headersOf(message);
    if (Number(header('Nats-Last-Consumer') ?? 0) > delivered) return this.#wake();
    const stalled = header('Nats-Consumer-Stalled');
    const answer = message.reply ? (): void => { message.respond(); }
      : stalled ? (): void => this.#nc.publish(stalled)
      : undefined;
    if (!answer) return;
    if (this.#held) this.#waiting.push(answer);
    else answer();
  }

  #take(message: StreamMessage): void {
    if (this.#held) this.#waiting.push(message);
    else this.#handOut(message);
  }

  #handOut(message: StreamMessage): void {
    // One that was held when the consumer broke is read again.
    if (this.#stopped || message.seq <= this.#last) return;
    try {
      const held = this.#options.onMessage(message);
      if (!held) return this.#finish(message);
      this.#held = true;
      held.then(() => {
        this.#held = false;
        this.#finish(message);
        this.#goOn();
      }, (error: unknown) => {
        this.#held = false;
        this.#wake(error as Error);
      });
    } catch (error) {
      this.#wake(error as Error);
    }
  }

  #goOn(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let i = 0; i < waiting.length; i++) {
      const next = waiting[i]!;
      if (typeof next === 'function') next();
      else this.#handOut(next);
      if (this.#broken) return;
      if (!this.#held) continue;
      this.#waiting = waiting.slice(i + 1);
      return;
    }
  }

  #finish({ seq, pending }: StreamMessage): void {
    this.#last = seq;
    if (pending === 0) this.#catchUp();
  }

  #catchUp(): void {
    if (this.#caughtUp) return;
    this.#caughtUp = true;
    this.#options.onCaughtUp?.();
  }

  /** Waits, once `begin` has run, until somebody calls `#wake`. */
  #until(begin: (wake: (error?: Error) => void) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wake = (error?: Error): void => {
      if (this.#wake === wake) this.#broken = true;
      error ? reject(error) : resolve();
    };
    this.#wake = wake;
    if (this.#stopped) resolve();
    else begin(wake);
    return promise;
  }
}

/** After a break, behind the last message read, whatever the first read began with. */
function startOf(last: number, from: ReaderOptions['from']): Partial<ConsumerConfig> {
  if (last > 0) return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: last + 1 };
  if (from instanceof Date) return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: from.toISOString() };
  return { deliver_policy: from === 'last-per-subject' ? DeliverPolicy.LastPerSubject : DeliverPolicy.All };
}
