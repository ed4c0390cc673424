/** The link between one node and the broker: a TCP proxy that can be cut, in silence as a dead switch or by reset. */
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

export class Link {
  readonly #server: Server;
  readonly #target: () => number;
  readonly #pairs = new Set<[near: Socket, far: Socket]>();
  #silent = false;
  #refusing = false;

  private constructor(server: Server, target: () => number) {
    this.#server = server;
    this.#target = target;
    server.on('connection', near => this.#join(near));
  }

  /** @param target the port on loopback to go to, asked at each new connection */
  static open(target: () => number): Promise<Link> {
    const server = createServer({ pauseOnConnect: true });
    const link = new Link(server, target);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => resolve(link));
    });
  }

  get url(): string {
    return `nats://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /**
   * Until `heal`, no byte passes.
   *
   * @param how `silent`: both ends see an open connection, and what they send comes late; `reset`: both are closed
   */
  cut(how: 'silent' | 'reset'): void {
    if (how === 'silent') {
      this.#silent = true;
      for (const pair of this.#pairs) for (const socket of pair) socket.pause();
    } else {
      this.#refusing = true;
      for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    }
  }

  heal(): void {
    this.#silent = false;
    this.#refusing = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  async close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve));
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    await closed;
  }

  #join(near: Socket): void {
    if (this.#refusing) return void near.destroy();
    const far = connect(this.#target(), '127.0.0.1');
    const pair: [Socket, Socket] = [near, far];
    this.#pairs.add(pair);
    for (const [from, to] of [[near, far], [far, near]] as const) {
      from.setNoDelay(true);
      from.on('data', bytes => {
        if (!to.write(bytes)) from.pause();
      });
      to.on('drain', () => { if (!this.#silent) from.resume(); });
      from.on('error', () => {});
      from.on('close', () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
    }
    if (this.#silent) far.pause();
    else near.resume();
  }
}
