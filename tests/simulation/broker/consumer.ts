/**
 * An ordered push consumer as nats-server 2.11 has it: numbered deliveries while somebody listens, heartbeats while
 * nothing comes, a question whether the reader keeps up when much is on its way, and its end when nobody listens.
 */
import type { Machine } from '../machine.ts';
import { matcher } from './match.ts';
import type { Stored, Stream, Watcher } from './stream.ts';

export interface ConsumerConfig {
  name: string;
  deliver_subject: string;
  filter_subject?: string;
  deliver_policy?: string;
  opt_start_seq?: number;
  flow_control?: boolean;
  /** Nanoseconds. */
  idle_heartbeat?: number;
  inactive_threshold?: number;
  [more: string]: unknown;
}

export interface ConsumerPorts {
  machine: Machine;
  /** Hands something to whoever listens. @param subject as it is told to them */
  deliver(to: string, subject: string, reply: string, headers: Buffer, data: Buffer): void;
  hasListener(subject: string): boolean;
  /** ms until it looks for more. */
  delay(): number;
  /** Bytes on their way before it asks whether the reader keeps up. */
  window: number;
  onEnd(consumer: Consumer): void;
}

/** Messages in one go: what else happens at the broker comes in between. */
const atOnce = 64;

export class Consumer implements Watcher {
  readonly config: ConsumerConfig;
  readonly stream: Stream;
  readonly created: number;
  readonly #p: ConsumerPorts;
  readonly #takes: (subject: string) => boolean;
  /** Sequences that are delivered before `#next`. */
  #ahead: number[] = [];
  #next: number;
  #pending: number;
  #delivered = 0;
  #deliveredSeq = 0;
  #onTheWay = 0;
  /** Where the reader answers that it keeps up; empty while nothing was asked. */
  #asked = '';
  #questions = 0;
  #isAwake = false;
  #isOver = false;
  #idleSince: number;
  #lonelySince: number | undefined;

  constructor(stream: Stream, config: ConsumerConfig, ports: ConsumerPorts) {
    this.config = config;
    this.stream = stream;
    this.#p = ports;
    this.created = ports.machine.wall;
    this.#takes = matcher(config.filter_subject ?? '>');
    this.#idleSince = ports.machine.now;
    this.#next = stream.lastSeq + 1;
    if (config.deliver_policy === 'last_per_subject') this.#ahead = stream.lastOfEach(this.#takes);
    else this.#next = config.deliver_policy === 'by_start_sequence' ? Math.max(1, config.opt_start_seq ?? 1) : 1;
    this.#pending = this.#ahead.length > 0 || config.deliver_policy === 'last_per_subject' ? this.#ahead.length : stream.pendingFrom(this.#next, this.#takes);
    stream.watchers.add(this);
    this.#beat();
    this.wake();
  }

  get info(): object {
    const { config, stream } = this;
    return {
      type: 'io.nats.jetstream.api.v1.consumer_create_response', stream_name: stream.config.name, name: config.name,
      created: new Date(this.created).toISOString(), config,
      delivered: { consumer_seq: this.#delivered, stream_seq: this.#deliveredSeq }, ack_floor: { consumer_seq: 0, stream_seq: 0 },
      num_ack_pending: 0, num_redelivered: 0, num_waiting: 0, num_pending: this.#pending, push_bound: this.#hasListener,
    };
  }

  /** Looks for something to deliver, a little later. */
  wake(): void {
    if (this.#isAwake || this.#isOver) return;
    this.#isAwake = true;
    const { machine, delay } = this.#p;
    machine.after(delay(), machine.outside, () => {
      this.#isAwake = false;
      this.#deliver();
    });
  }

  stored({ subject, seq }: Stored): void {
    if (!this.#takes(subject) || seq < this.#next) return;
    this.#pending += 1;
    this.wake();
  }

  removed({ seq, subject }: Stored): void {
    if (!this.#takes(subject)) return;
    const n = this.#ahead.indexOf(seq);
    if (n !== -1) this.#ahead.splice(n, 1);
    if (n !== -1 || seq >= this.#next) this.#pending -= 1;
  }

  /** The reader keeps up. */
  answered(subject: string): boolean {
    if (subject !== this.#asked) return false;
    this.#asked = '';
    this.#onTheWay = 0;
    this.wake();
    return true;
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.stream.watchers.delete(this);
    this.#p.onEnd(this);
  }

  get #hasListener(): boolean {
    return this.#p.hasListener(this.config.deliver_subject);
  }

  #deliver(): void {
    if (this.#isOver || !this.#hasListener) return;
    for (let n = 0; n < atOnce && this.#asked === ''; n++) {
      const message = this.#take();
      if (!message) return;
      this.#pending -= 1;
      this.#delivered += 1;
      this.#deliveredSeq = message.seq;
      this.#idleSince = this.#p.machine.now;
      const { name, deliver_subject: to } = this.config;
      const reply = `$JS.ACK.${this.stream.config.name}.${name}.1.${message.seq}.${this.#delivered}.${message.at}000000.${this.#pending}`;
      this.#p.deliver(to, message.subject, reply, message.headers, message.data);
      this.#onTheWay += message.data.length + message.headers.length + message.subject.length;
      if (this.config.flow_control === true && this.#onTheWay >= this.#p.window) this.#ask();
    }
    if (this.#asked === '') this.wake();
  }

  #take(): Stored | undefined {
    for (let seq = this.#ahead.shift(); seq !== undefined; seq = this.#ahead.shift()) {
      const message = this.stream.get(seq);
      if (message) return message;
    }
    const message = this.stream.next(this.#next, this.#takes);
    this.#next = message ? message.seq + 1 : Math.max(this.#next, this.stream.lastSeq + 1);
    return message;
  }

  #ask(): void {
    this.#asked = `$JS.FC.${this.stream.config.name}.${this.config.name}.${++this.#questions}`;
    this.#p.deliver(this.config.deliver_subject, this.config.deliver_subject, this.#asked, Buffer.from('NATS/1.0 100 FlowControl Request\r\n\r\n'), Buffer.alloc(0));
  }

  /** Says that it is there; ends it when nobody has listened for long. */
  #beat(): void {
    const { machine, deliver } = this.#p;
    const { idle_heartbeat: nanoseconds = 0, inactive_threshold: threshold = 5e9, deliver_subject: to } = this.config;
    const everyMs = (nanoseconds || 1e9) / 1e6;
    machine.after(everyMs, machine.outside, () => {
      if (this.#isOver) return;
      if (!this.#hasListener) {
        this.#lonelySince ??= machine.now;
        if (machine.now - this.#lonelySince >= threshold / 1e6) return this.end();
      } else {
        if (this.#lonelySince !== undefined) this.wake();
        this.#lonelySince = undefined;
        if (nanoseconds > 0 && machine.now - this.#idleSince >= everyMs) {
          const stalled = this.#asked === '' ? '' : `Nats-Consumer-Stalled: ${this.#asked}\r\n`;
          deliver(to, to, '', Buffer.from(`NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: ${this.#delivered}\r\nNats-Last-Stream: ${this.#next - 1}\r\n${stalled}\r\n`), Buffer.alloc(0));
        }
      }
      this.#beat();
    });
  }
}
