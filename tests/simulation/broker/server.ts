/**
 * One nats-server 2.11 with JetStream, in memory, as its clients see it: the wire protocol, subscriptions, streams,
 * ordered push consumers and the API that Plumb asks. `broker.test.ts` holds it against the real one.
 */
import type { Dice } from '../../../deploy/demo/dice.ts';
import type { Machine } from '../machine.ts';
import type { Listener, Peer } from '../network.ts';
import { answer } from './api.ts';
import { Client } from './client.ts';
import { Consumer } from './consumer.ts';
import type { ConsumerConfig } from './consumer.ts';
import { isWild, Patterns } from './match.ts';
import { Stream } from './stream.ts';
import type { Broken, Stored, StreamConfig } from './stream.ts';

/** Somebody who listens: a client's subscription, or the simulation itself. */
export interface Subscription {
  subject: string;
  queue: string | undefined;
  deliver(subject: string, reply: string, headers: Buffer, data: Buffer): void;
}

/** Whether one thing that a client asked is carried out; `last`: it is, and `never`: it is not, and the client is gone by then. */
export type Fate = 'done' | 'last' | 'never';

const expireEveryMs = 250;
const answeredWithinMs = 5_000;
const empty = Buffer.alloc(0);

export class Broker implements Listener {
  readonly machine: Machine;
  readonly streams = new Map<string, Stream>();
  /** By stream and name. */
  readonly consumers = new Map<string, Consumer>();
  isUp = true;
  /** What it is asked takes up to so long. */
  busyMs = 0;
  /** Told of every message as it is stored. */
  onStored: (stream: Stream, message: Stored) => void = () => {};
  /** Told of a stream that lost its newest messages. */
  onCut: (stream: Stream) => void = () => {};
  /** Told of each message of a client before it is carried out. */
  onOperation: (client: Client, subject: string) => Fate = () => 'done';
  readonly #dice: Dice;
  readonly #clients = new Map<Peer, Client>();
  readonly #plain = new Map<string, Set<Subscription>>();
  readonly #wild = new Patterns<Subscription>();
  readonly #takers = new Patterns<Stream>();
  readonly #dirty = new Set<Client>();
  /** Bytes before consumers ask whether readers keep up. */
  readonly #window: number;
  /** A new number with each start: what belonged to an earlier one does not happen. */
  #run = 0;

  readonly #broken: Broken | undefined;

  constructor(machine: Machine, dice: Dice, broken?: Broken) {
    this.machine = machine;
    this.#broken = broken;
    this.#dice = dice;
    this.#window = 2 ** dice.between(12, 18);
    this.#expire();
  }

  /** Subjects that somebody listens to, once for each who does. */
  get listening(): string[] {
    return [...this.#wild.things, ...[...this.#plain.values()].flatMap(set => [...set])].map(({ subject }) => subject);
  }

  /** Ends as by SIGKILL: connections break, consumers in memory are gone, streams stay as they are on disk. */
  kill(): void {
    this.isUp = false;
    this.#run += 1;
    for (const [peer] of this.#clients) peer.close();
    for (const client of this.#clients.values()) client.forget();
    this.#clients.clear();
    for (const consumer of [...this.consumers.values()]) consumer.end();
  }

  /** What was not on disk yet is gone, of each stream as much as chance has it. @returns messages lost */
  lose(withinMs: number): number {
    let lost = 0;
    for (const stream of this.streams.values()) {
      const cut = stream.cut(this.machine.wall - withinMs * this.#dice.next()).length;
      if (cut > 0) this.onCut(stream);
      lost += cut;
    }
    return lost;
  }

  restart(): void {
    this.isUp = true;
  }

  onOpen(peer: Peer): void {
    this.turn(() => {
      const client = new Client(this, peer);
      this.#clients.set(peer, client);
      client.greet();
    });
  }

  onData(peer: Peer, data: Buffer): void {
    const client = this.#clients.get(peer);
    if (client) this.turn(() => client.read(data));
  }

  onClose(peer: Peer): void {
    this.#clients.get(peer)?.forget();
    this.#clients.delete(peer);
  }

  /** Runs something of the broker's; what it sends leaves in one piece for each client. */
  turn(act: () => void): void {
    act();
    for (const client of this.#dirty) client.flush();
    this.#dirty.clear();
  }

  /** A client has something to be sent. */
  dirty(client: Client): void {
    this.#dirty.add(client);
  }

  subscribe(subscription: Subscription): void {
    const { subject } = subscription;
    if (isWild(subject)) {
      this.#wild.set(subscription, [subject]);
    } else {
      const set = this.#plain.get(subject);
      if (set) set.add(subscription);
      else this.#plain.set(subject, new Set([subscription]));
    }
  }

  unsubscribe(subscription: Subscription): void {
    const { subject } = subscription;
    this.#wild.delete(subscription);
    const set = this.#plain.get(subject);
    set?.delete(subscription);
    if (set?.size === 0) this.#plain.delete(subject);
  }

  /** A message from a client, or from the simulation itself. */
  publish(subject: string, reply: string, headers: Buffer, data: Buffer): void {
    if (subject.startsWith('$JS.')) return this.#ask(subject, reply, data);
    const stream = this.streamOf(subject);
    if (stream) this.#store(stream, subject, reply, headers, data);
    const told = this.#route(subject, reply, headers, data);
    if (!stream && !told && reply !== '') this.#route(reply, '', Buffer.from('NATS/1.0 503\r\n\r\n'), empty);
  }

  /** Stores a message as its publisher would. @returns undefined while nobody answers */
  put(subject: string, headers: Buffer, data: Buffer): { seq: number; duplicate?: boolean } | undefined {
    const stream = this.streamOf(subject);
    if (!this.isUp || !stream) return undefined;
    let receipt: { seq: number; duplicate?: boolean } | undefined;
    this.turn(() => { receipt = this.#keep(stream, subject, headers, data); });
    return receipt;
  }

  /** Asks as a client would, and waits no longer; what is answered is told, nothing where nobody answers. */
  request(subject: string, body: string, onReply: (body: string) => void): void {
    const reply = `_SIMULATION.${this.machine.steps}.${subject}`;
    const subscription: Subscription = { subject: reply, queue: undefined, deliver: (_subject, _reply, _headers, data) => {
      this.unsubscribe(subscription);
      onReply(data.toString());
    } };
    this.subscribe(subscription);
    this.machine.after(answeredWithinMs, this.machine.outside, () => this.unsubscribe(subscription));
    this.turn(() => this.publish(subject, reply, empty, Buffer.from(body)));
  }

  streamOf(subject: string): Stream | undefined {
    return this.#takers.of(subject)[0];
  }

  addStream(config: StreamConfig): Stream {
    const stream = new Stream(config, this.machine.wall, this.#broken);
    this.streams.set(config.name, stream);
    this.#takers.set(stream, config.subjects);
    return stream;
  }

  addConsumer(stream: Stream, config: ConsumerConfig): Consumer {
    const key = `${stream.config.name} ${config.name}`;
    const known = this.consumers.get(key);
    if (known) return known;
    const consumer = new Consumer(stream, config, {
      machine: this.machine,
      window: this.#window,
      delay: () => this.#dice.next(),
      hasListener: subject => this.#plain.has(subject),
      deliver: (to, subject, reply, headers, data) => this.turn(() => this.#hand(this.#plain.get(to) ?? [], subject, reply, headers, data)),
      onEnd: () => this.consumers.delete(key),
    });
    this.consumers.set(key, consumer);
    return consumer;
  }

  /** Requests are worked on aside of what is published: an answer can be of a later time. */
  #ask(subject: string, reply: string, data: Buffer): void {
    if (subject.startsWith('$JS.FC.')) {
      this.consumers.get(subject.split('.').slice(2, 4).join(' '))?.answered(subject);
      return;
    }
    const run = this.#run;
    this.machine.after(this.#dice.next() * (2 + this.busyMs), this.machine.outside, () => {
      if (run !== this.#run) return;
      this.turn(() => {
        const answered = answer(this, subject, data.toString());
        if (reply === '') return;
        if (answered) this.#route(reply, '', empty, Buffer.from(JSON.stringify(answered)));
        else this.#route(reply, '', Buffer.from('NATS/1.0 503\r\n\r\n'), empty);
      });
    });
  }

  #store(stream: Stream, subject: string, reply: string, headers: Buffer, data: Buffer): void {
    const { seq, duplicate, error } = this.#keep(stream, subject, headers, data);
    if (reply === '') return;
    const said = error ? { error, stream: stream.config.name, seq: 0 } : { stream: stream.config.name, seq, ...(duplicate && { duplicate }) };
    this.#route(reply, '', empty, Buffer.from(JSON.stringify(said)));
  }

  #keep(stream: Stream, subject: string, headers: Buffer, data: Buffer): ReturnType<Stream['store']> {
    stream.expire(this.machine.wall);
    // A part of what a client sent would keep all of it in memory.
    const receipt = stream.store(subject, Buffer.from(headers), Buffer.from(data), this.machine.wall);
    const stored = receipt.duplicate || receipt.error ? undefined : stream.get(receipt.seq);
    if (stored) {
      this.#republish(stream, stored);
      this.onStored(stream, stored);
    }
    return receipt;
  }

  /** As people who watch records see them. */
  #republish({ config: { name, republish } }: Stream, { subject, seq, at, data }: Stored): void {
    if (!republish) return;
    const [from, to] = [republish.src.slice(0, -1), republish.dest.slice(0, -1)];
    if (!subject.startsWith(from) || !this.#isHeard(to + subject.slice(from.length))) return;
    const headers = Buffer.from(`NATS/1.0\r\nNats-Stream: ${name}\r\nNats-Subject: ${subject}\r\nNats-Sequence: ${seq}\r\nNats-Time-Stamp: ${new Date(at).toISOString()}\r\n\r\n`);
    this.#route(to + subject.slice(from.length), '', headers, data);
  }

  #isHeard(subject: string): boolean {
    return this.#plain.has(subject) || this.#wild.of(subject).length > 0;
  }

  /** @returns whether anybody listens */
  #route(subject: string, reply: string, headers: Buffer, data: Buffer): boolean {
    const plain = this.#plain.get(subject);
    const wild = this.#wild.of(subject);
    return this.#hand(plain ? [...plain, ...wild] : wild, subject, reply, headers, data);
  }

  #hand(listeners: Iterable<Subscription>, subject: string, reply: string, headers: Buffer, data: Buffer): boolean {
    let queues: Map<string, Subscription[]> | undefined;
    let isTold = false;
    for (const subscription of listeners) {
      isTold = true;
      if (subscription.queue === undefined) {
        subscription.deliver(subject, reply, headers, data);
      } else {
        queues ??= new Map();
        queues.set(subscription.queue, [...queues.get(subscription.queue) ?? [], subscription]);
      }
    }
    for (const members of queues?.values() ?? []) members[this.#dice.between(0, members.length - 1)]!.deliver(subject, reply, headers, data);
    return isTold;
  }

  #expire(): void {
    this.machine.after(expireEveryMs, this.machine.outside, () => {
      if (this.isUp) for (const stream of this.streams.values()) stream.expire(this.machine.wall);
      this.#expire();
    });
  }
}
