/** The broker's side of one client connection: the NATS protocol read and written. */
import type { Peer } from '../network.ts';
import type { Broker, Subscription } from './server.ts';

const crlf = Buffer.from('\r\n');
const info = { server_id: 'SIMULATED', server_name: 'simulated', version: '2.11.6', go: '', host: '0.0.0.0', port: 4222, headers: true, max_payload: 1_048_576, proto: 1, jetstream: true };

export class Client {
  readonly peer: Peer;
  /** As it calls itself. */
  name = '';
  readonly #broker: Broker;
  readonly #subscriptions = new Map<string, Subscription>();
  #unread: Buffer = Buffer.alloc(0);
  #unsent: Buffer[] = [];
  #isOver = false;

  constructor(broker: Broker, peer: Peer) {
    this.#broker = broker;
    this.peer = peer;
  }

  greet(): void {
    this.#send(Buffer.from(`INFO ${JSON.stringify(info)}\r\n`));
  }

  /** The connection is gone. */
  forget(): void {
    this.#isOver = true;
    this.#unsent = [];
    for (const subscription of this.#subscriptions.values()) this.#broker.unsubscribe(subscription);
    this.#subscriptions.clear();
  }

  flush(): void {
    if (this.#unsent.length > 0) this.peer.send(this.#unsent.length === 1 ? this.#unsent[0]! : Buffer.concat(this.#unsent));
    this.#unsent = [];
  }

  read(data: Buffer): void {
    const bytes = this.#unread.length === 0 ? data : Buffer.concat([this.#unread, data]);
    let at = 0;
    while (!this.#isOver) {
      const end = bytes.indexOf(crlf, at);
      if (end === -1) break;
      const after = this.#command(bytes, bytes.toString('latin1', at, end), end + 2);
      if (after === undefined) break;
      at = after;
    }
    this.#unread = bytes.subarray(at);
  }

  /** @returns where the next one begins; undefined while this one is not whole */
  #command(bytes: Buffer, line: string, start: number): number | undefined {
    const [verb, ...words] = line.split(' ') as [string, ...string[]];
    switch (verb) {
      case 'PUB':
      case 'HPUB': {
        const total = Number(words.at(-1));
        if (bytes.length < start + total + 2) return undefined;
        const head = verb === 'HPUB' ? Number(words.at(-2)) : 0;
        const reply = words.length === (verb === 'HPUB' ? 4 : 3) ? words[1]! : '';
        const subject = words[0]!;
        const fate = this.#broker.onOperation(this, subject);
        if (fate !== 'never') this.#broker.publish(subject, reply, bytes.subarray(start, start + head), bytes.subarray(start + head, start + total));
        if (fate !== 'done') this.forget();
        return start + total + 2;
      }
      case 'SUB': {
        const [subject, sid] = [words[0]!, words.at(-1)!];
        this.#subscribe(sid, subject, words.length === 3 ? words[1] : undefined);
        return start;
      }
      case 'UNSUB': {
        // Plumb never asks for an end after so many messages.
        const subscription = this.#subscriptions.get(words[0]!);
        if (subscription) this.#broker.unsubscribe(subscription);
        this.#subscriptions.delete(words[0]!);
        return start;
      }
      case 'PING':
        this.#send(Buffer.from('PONG\r\n'));
        return start;
      case 'CONNECT':
        this.name = (JSON.parse(line.slice('CONNECT '.length)) as { name?: string }).name ?? '';
        return start;
      default:
        return start;
    }
  }

  #subscribe(sid: string, subject: string, queue: string | undefined): void {
    // Told again after a lost connection, by a client that had not sent it yet.
    if (this.#subscriptions.has(sid)) return;
    const subscription: Subscription = { subject, queue, deliver: (told, reply, headers, data) => {
      const to = reply === '' ? sid : `${sid} ${reply}`;
      if (headers.length === 0) this.#tell(`MSG ${told} ${to} ${data.length}\r\n`, headers, data);
      else this.#tell(`HMSG ${told} ${to} ${headers.length} ${headers.length + data.length}\r\n`, headers, data);
    } };
    this.#subscriptions.set(sid, subscription);
    this.#broker.subscribe(subscription);
  }

  /** Subjects are told byte for byte as they were read. */
  #tell(head: string, headers: Buffer, data: Buffer): void {
    const bytes = Buffer.allocUnsafe(head.length + headers.length + data.length + 2);
    bytes.write(head, 0, 'latin1');
    headers.copy(bytes, head.length);
    data.copy(bytes, head.length + headers.length);
    crlf.copy(bytes, bytes.length - 2);
    this.#send(bytes);
  }

  #send(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#unsent.push(bytes);
    this.#broker.dirty(this);
  }
}
