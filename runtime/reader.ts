/**
 * Reads a stream in order from a given sequence with an ordered consumer (no acks: they lose order on failure), and
 * goes on after broken connections, stopped leaders and deleted consumers without skipping or repeating.
 */
import type { Consumer, ConsumerMessages, JetStreamClient, JsMsg } from '@nats-io/jetstream';
import { DeliverPolicy } from '@nats-io/jetstream';
import { nuid } from 'nats';

export interface ReaderOptions {
  stream: string;
  filter: string | string[];
  /** First sequence wanted, or the newest message of each subject and then what comes. */
  from: number | 'last-per-subject';
  /** Told of each message in order; a promise holds back the next one. A message it throws on is handed out again. */
  onMessage(message: JsMsg): void | Promise<void>;
  /** Called once when everything that was there at the start has been read. */
  onCaughtUp?(): void;
  onError?(error: Error): void;
  /** Shown in `nats consumer report`. */
  name: string;
  idleHeartbeatMs?: number;
}

export class Reader {
  readonly #js: JetStreamClient;
  readonly #options: ReaderOptions;
  /** Ends the wait that the reader is in, if any. */
  #wake: () => void = () => {};
  #messages: ConsumerMessages | undefined;
  #stopped = false;
  #last = 0;
  #caughtUp = false;
  readonly done: Promise<void>;

  constructor(js: JetStreamClient, options: ReaderOptions) {
    this.#js = js;
    this.#options = options;
    this.done = this.#run();
  }

  /** Nothing is handed out any more, not even what was read; messages handed out before may still be in work. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    this.#messages?.stop();
    await this.done;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#read();
      } catch (error) {
        if (this.#stopped) return;
        this.#options.onError?.(error as Error);
        await this.#wait(resolve => { setTimeout(resolve, 250); });
      }
    }
  }

  async #read(): Promise<void> {
    const { stream, filter, from, name, idleHeartbeatMs = 500 } = this.#options;
    // After a break, go on behind the last message read, whatever the first read began with.
    const start = this.#last > 0 ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: this.#last + 1 }
      : typeof from === 'number' ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(1, from) }
      : { deliver_policy: DeliverPolicy.LastPerSubject };
    // Named for people, and new each time: a former consumer of the same name lives on for minutes.
    const consumer = await this.#js.consumers.get(stream, { filter_subjects: filter, name_prefix: `${name}-${nuid.next().slice(-8)}`, ...start } as never);
    try {
      await this.#consume(consumer, idleHeartbeatMs);
    } finally {
      void consumer.delete().catch(() => undefined);
    }
  }

  async #consume(consumer: Consumer, idleHeartbeatMs: number): Promise<void> {
    if (!this.#caughtUp && this.#options.onCaughtUp && (await consumer.info()).num_pending === 0) this.#catchUp();
    this.#messages = await consumer.consume({ max_messages: 500, expires: 2_000, idle_heartbeat: idleHeartbeatMs });
    if (this.#stopped) this.#messages.stop();
    for await (const message of this.#messages) {
      if (this.#stopped) return;
      const held = this.#options.onMessage(message);
      if (held) await this.#wait((resolve, reject) => { held.then(resolve, reject); });
      this.#last = message.seq;
      if (!this.#caughtUp && message.info.pending === 0) this.#catchUp();
    }
  }

  #wait(until: (resolve: () => void, reject: (error: unknown) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wake = resolve;
      until(resolve, reject);
    });
  }

  #catchUp(): void {
    this.#caughtUp = true;
    this.#options.onCaughtUp?.();
  }
}
