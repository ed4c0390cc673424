/**
 * Links between processes and the broker, in memory: what the client's own transport takes for sockets. Each address is
 * one process's link, which can be slow, silent or cut; what was sent in one direction arrives in that order.
 */
import net from 'node:net';
import { EventEmitter } from 'node:events';
import type { Machine, Process } from './machine.ts';

/** The broker's end of a connection. */
export interface Peer {
  readonly link: Link;
  send(data: Buffer): void;
  /** As a server that is killed, or that has had enough. */
  close(): void;
}

export interface Listener {
  /** False while nobody listens. */
  readonly isUp: boolean;
  onOpen(peer: Peer): void;
  onData(peer: Peer, data: Buffer): void;
  onClose(peer: Peer): void;
}

/** `silent`: nothing arrives, in either direction, and nobody is told. `cut`: connections break, and none is made. */
export type LinkState = 'up' | 'silent' | 'cut';

/** Addresses of simulated links, by number; anything else is the real network. */
const prefix = '10.255.0.';

export class Network {
  readonly #machine: Machine;
  readonly #listener: Listener;
  readonly #links = new Map<string, Link>();

  constructor(machine: Machine, listener: Listener) {
    this.#machine = machine;
    this.#listener = listener;
  }

  /** @param latency ms of each piece, drawn anew */
  link(name: string, latency: () => number): Link {
    const host = `${prefix}${this.#links.size + 1}`;
    const link = new Link(name, host, this.#machine, this.#listener, latency);
    this.#links.set(host, link);
    return link;
  }

  /** Takes connections to simulated addresses. @returns gives them back to the real network */
  install(): () => void {
    const { createConnection } = net;
    net.createConnection = ((port: number, host: string, onConnect: () => void) => {
      if (typeof host !== 'string' || !host.startsWith(prefix)) return createConnection(port, host, onConnect);
      const link = this.#links.get(host);
      if (!link) throw new Error(`no link has the address ${host}`);
      return link.dial(onConnect);
    }) as typeof net.createConnection;
    return () => { net.createConnection = createConnection; };
  }
}

export class Link {
  readonly name: string;
  readonly url: string;
  /** Whose link it is now; a process that is started again has it too. */
  process: Process;
  readonly #machine: Machine;
  readonly #listener: Listener;
  readonly #latency: () => number;
  readonly #connections = new Set<Connection>();
  /** Connections asked for while it was silent. */
  #waiting: (() => void)[] = [];
  #state: LinkState = 'up';

  constructor(name: string, host: string, machine: Machine, listener: Listener, latency: () => number) {
    this.name = name;
    this.url = `nats://${host}:4222`;
    this.#machine = machine;
    this.#listener = listener;
    this.#latency = latency;
    this.process = machine.outside;
  }

  get state(): LinkState {
    return this.#state;
  }

  set state(state: LinkState) {
    this.#state = state;
    if (state === 'cut') for (const connection of [...this.#connections]) connection.break();
    if (state === 'silent') return;
    for (const connection of this.#connections) connection.goOn();
    for (const dial of this.#waiting.splice(0)) dial();
  }

  /** The process is gone: its connections end as the kernel ends them. */
  drop(): void {
    for (const connection of [...this.#connections]) connection.break();
    this.#waiting = [];
  }

  dial(onConnect: () => void): Socket {
    const { process } = this;
    const socket = new Socket();
    const open = (): void => {
      if (socket.destroyed || process.state === 'dead') return;
      if (this.#state === 'silent') return void this.#waiting.push(open);
      if (this.#state === 'cut' || !this.#listener.isUp) {
        socket.emit('error', Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
        socket.emit('close');
        return;
      }
      const connection = new Connection(this, this.#machine, this.#listener, process, socket, this.#latency);
      this.#connections.add(connection);
      socket.connection = connection;
      onConnect();
      this.#machine.after(0, this.#machine.outside, () => connection.opened());
    };
    this.#machine.after(this.#latency(), process, open);
    return socket;
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }
}

class Connection implements Peer {
  readonly link: Link;
  readonly #machine: Machine;
  readonly #listener: Listener;
  readonly #process: Process;
  readonly #socket: Socket;
  readonly #toServer: Pipe;
  readonly #toClient: Pipe;
  #isOpen = true;

  constructor(link: Link, machine: Machine, listener: Listener, process: Process, socket: Socket, latency: () => number) {
    this.link = link;
    this.#machine = machine;
    this.#listener = listener;
    this.#process = process;
    this.#socket = socket;
    this.#toServer = new Pipe(machine, machine.outside, link, latency, data => { if (this.#isOpen) listener.onData(this, data); });
    this.#toClient = new Pipe(machine, process, link, latency, data => { if (this.#isOpen && !socket.destroyed) socket.emit('data', data); });
  }

  opened(): void {
    if (this.#isOpen) this.#listener.onOpen(this);
  }

  send(data: Buffer): void {
    if (this.#isOpen) this.#toClient.send(data);
  }

  write(data: Buffer): void {
    if (this.#isOpen) this.#toServer.send(data);
  }

  goOn(): void {
    this.#toServer.goOn();
    this.#toClient.goOn();
  }

  close(): void {
    this.#end(() => this.#socket.emit('close'));
  }

  /** By the client, or by what is between. */
  break(): void {
    this.#end(() => this.#socket.emit('close'));
    this.#machine.after(0, this.#machine.outside, () => this.#listener.onClose(this));
  }

  #end(tell: () => void): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.link.forget(this);
    this.#machine.after(0, this.#process, () => { if (!this.#socket.destroyed) tell(); });
  }
}

/** One direction. */
class Pipe {
  readonly #machine: Machine;
  readonly #to: Process;
  readonly #link: Link;
  readonly #latency: () => number;
  readonly #arrive: (data: Buffer) => void;
  #lastAt = 0;
  /** What arrives then, together: as from a socket. */
  #coming: Buffer[] | undefined;
  #held: Buffer[] = [];

  constructor(machine: Machine, to: Process, link: Link, latency: () => number, arrive: (data: Buffer) => void) {
    this.#machine = machine;
    this.#to = to;
    this.#link = link;
    this.#latency = latency;
    this.#arrive = arrive;
  }

  send(data: Buffer): void {
    const { now } = this.#machine;
    const at = now + this.#latency();
    if (this.#coming && at <= this.#lastAt) return void this.#coming.push(data);
    this.#lastAt = Math.max(this.#lastAt, at);
    const coming = this.#coming = [data];
    this.#machine.after(this.#lastAt - now, this.#to, () => {
      if (this.#coming === coming) this.#coming = undefined;
      const whole = coming.length === 1 ? data : Buffer.concat(coming);
      // What is held came first.
      if (this.#link.state === 'silent' || this.#held.length > 0) this.#held.push(whole);
      else this.#arrive(whole);
    });
  }

  /** Hands on what was held while the link was silent. */
  goOn(): void {
    this.#machine.after(0, this.#to, () => { for (const data of this.#held.splice(0)) this.#arrive(data); });
  }
}

/** What of a socket the client's transport uses. */
class Socket extends EventEmitter {
  destroyed = false;
  connection: Connection | undefined;

  write(data: Uint8Array, done?: (error?: Error) => void): boolean {
    // The client uses its own buffer again.
    if (data.length > 0) this.connection?.write(Buffer.from(data));
    done?.();
    return true;
  }

  end(): this {
    return this.destroy();
  }

  destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.connection?.break();
    return this;
  }

  setNoDelay(): this {
    return this;
  }
}
