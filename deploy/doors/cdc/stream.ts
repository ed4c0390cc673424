/**
 * Reads a slot with pgoutput by `pg-logical-replication`, and tells PostgreSQL what may be forgotten: what is stored,
 * not a byte more.
 *
 * The library's own acknowledgement is off: it confirms what was received, and its `acknowledge(lsn)` confirms one
 * byte past `lsn`. A commit record can begin exactly where the one before it ends; PostgreSQL would skip that
 * transaction for ever. One instance reads once: a second `subscribe` would begin behind what was received.
 */
import { Socket } from 'node:net';
import type { ClientConfig } from 'pg';
import { LogicalReplicationService, PgoutputPlugin } from 'pg-logical-replication';
import type { Pgoutput } from 'pg-logical-replication';
import type { Change, Row } from './envelope.ts';
import { formatLsn, lsnNumber, parseLsn } from './lsn.ts';
import { valueOf } from './values.ts';
import { Window } from './window.ts';

export interface StreamPorts {
  client: ClientConfig;
  slot: string;
  publication: string;
  /** `schema.table`: a publication may tell of others too. */
  tables: ReadonlySet<string>;
  /** Where the slot stands: everything before is stored. */
  from: bigint;
  /** Resolves when the journal has it. Where it rejects, everything from there is read again some day. */
  store(change: Change): Promise<unknown>;
  /** A transaction's changes were all handed to `store`. */
  onCommit?(xid: number, end: bigint): void;
  /** Changes under way at the same time. */
  most?: number;
}

/** PostgreSQL drops a reader that is silent for `wal_sender_timeout`, 60 s unless set otherwise. */
const statusMs = 500;
const pingMs = 5_000;
/** Pings that find no answer for so long: the connection is dead and nobody said so. */
const silentMs = 20_000;
const farewellMs = 2_000;

/** The parser gives values as JSON holds them, and counts what came in: the library queues before it hands out. */
class CountingPlugin extends PgoutputPlugin {
  received = 0;
  heardAt = performance.now();

  override parse(buffer: Buffer): Pgoutput.Message {
    this.received += 1;
    this.heardAt = performance.now();
    const message = super.parse(buffer);
    if (message.tag === 'relation') for (const column of message.columns) column.parser = valueOf(column.typeOid);
    return message;
  }
}

export class ChangeStream {
  readonly #ports: StreamPorts;
  readonly #service: LogicalReplicationService;
  readonly #plugin: CountingPlugin;
  readonly #window: Window;
  readonly #closed = Promise.withResolvers<void>();
  readonly #ended: Promise<void>;
  #handled = 0;
  #told: bigint;
  #pingedAt = performance.now();
  #transaction: { lsn: number; at: number; xid: number; index: number } | undefined;
  #read: bigint;
  #stopping = false;
  #timer: NodeJS.Timeout | undefined;
  #failure: Error | undefined;
  #socket: Socket | undefined;

  constructor(ports: StreamPorts) {
    this.#ports = ports;
    this.#told = this.#read = ports.from;
    this.#window = new Window(ports.from, ports.most ?? 500);
    this.#plugin = new CountingPlugin({ protoVersion: 1, publicationNames: [ports.publication] });
    this.#service = new LogicalReplicationService({ ...ports.client, stream: () => this.#open() }, { acknowledge: { auto: false, timeoutSeconds: 0 }, flowControl: { enabled: true } });
    this.#service.on('error', error => { this.#fail(error); });
    this.#service.on('heartbeat', (lsn, _at, wantsAnswer) => this.#beat(parseLsn(lsn), wantsAnswer));
    this.#service.on('data', async (_lsn, message: Pgoutput.Message) => {
      try {
        await this.#handle(message);
      } catch (error) {
        this.#fail(error as Error);
      }
      this.#handled += 1;
    });
    this.#timer = setInterval(() => this.#tick(), statusMs);
    this.#ended = this.#run();
  }

  /** Everything before this LSN is stored. */
  get stored(): bigint {
    return this.#window.stored;
  }

  /** Every transaction that committed before this LSN was handed to `store`. */
  get read(): bigint {
    return this.#read;
  }

  /** PostgreSQL took us as its reader. */
  get isReading(): boolean {
    return !this.#service.isStop();
  }

  /** Settles when nothing is read any more. @throws {Error} as PostgreSQL or the connection had it */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Tells PostgreSQL what is stored and ends; the slot is free for another reader as soon as PostgreSQL notices. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#tell();
    await this.#close();
    await this.#ended.catch(() => undefined);
  }

  async #run(): Promise<void> {
    try {
      const subscribed = this.#service.subscribe(this.#plugin, this.#ports.slot, '0/0');
      subscribed.catch(() => undefined);
      // The client's connect never settles where it is ended before it is through.
      await Promise.race([subscribed, this.#closed.promise]);
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      clearInterval(this.#timer);
      this.#window.close();
    }
    await this.#close();
    if (this.#failure && !this.#stopping) throw this.#failure;
    if (!this.#stopping) throw new Error('PostgreSQL ended the stream');
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    if (!this.#stopping) void this.#close();
  }

  /** The library connects whenever it comes to it, also after it was told to stop. */
  #open(): Socket {
    if (this.#stopping || this.#failure) throw new Error('given up meanwhile');
    const { stream } = this.#ports.client;
    return this.#socket = (typeof stream === 'function' ? stream() as Socket : new Socket());
  }

  async #close(): Promise<void> {
    // A farewell that is never answered is waited for no longer than this.
    const force = setTimeout(() => this.#socket?.destroy(), farewellMs);
    this.#window.close();
    await this.#service.stop().catch(() => undefined);
    clearTimeout(force);
    this.#socket?.destroy();
    this.#closed.resolve();
  }

  async #handle(message: Pgoutput.Message): Promise<void> {
    switch (message.tag) {
      case 'begin':
        this.#transaction = { lsn: lsnNumber(parseLsn(message.commitLsn!)), at: Math.floor(Number(message.commitTime) / 1_000), xid: message.xid >>> 0, index: 0 };
        this.#window.begin();
        return;
      case 'insert':
        return this.#add('c', message.relation, null, message.new);
      case 'update':
        return this.#add('u', message.relation, message.old ?? message.key, message.new);
      case 'delete':
        return this.#add('d', message.relation, message.old ?? message.key, null);
      case 'truncate':
        for (const relation of message.relations) await this.#add('t', relation, null, null);
        return;
      case 'commit': {
        const end = parseLsn(message.commitEndLsn!);
        this.#read = end;
        this.#ports.onCommit?.(this.#transaction!.xid, end);
        this.#transaction = undefined;
        this.#window.commit(end);
        return;
      }
      default: // relation, type, origin, message: nothing to store
    }
  }

  async #add(op: Change['op'], { schema, name: table }: Pgoutput.MessageRelation, before: Row | null, after: Row | null): Promise<void> {
    const transaction = this.#transaction!;
    const { lsn, at, xid: txId } = transaction;
    // Counted though it may not be taken: a position stays whatever tables are named.
    const index = transaction.index++;
    if (!this.#ports.tables.has(`${schema}.${table}`)) return;
    await this.#window.add(this.#ports.store({ op, schema, table, before, after, position: [lsn, index], txId, at }));
  }

  /** Told now and then by PostgreSQL: how far its log has been read for us. */
  #beat(lsn: bigint, wantsAnswer: boolean): void {
    this.#plugin.heardAt = performance.now();
    // What was received and not yet handled comes before it.
    if (this.#plugin.received === this.#handled && this.#window.isEmpty) {
      this.#window.skip(lsn);
      if (lsn > this.#read) this.#read = lsn;
    }
    if (wantsAnswer) this.#tell();
  }

  #tick(): void {
    const now = performance.now();
    const isWaiting = this.#plugin.received === this.#handled;
    if (isWaiting && now - this.#plugin.heardAt > silentMs) return this.#fail(new Error(`PostgreSQL was silent for ${silentMs / 1_000} s`));
    if (now - this.#pingedAt > pingMs) this.#tell(true);
    else if (this.#window.stored > this.#told) this.#tell();
  }

  #tell(ping = false): void {
    if (ping) this.#pingedAt = performance.now();
    this.#told = this.#window.stored;
    // One less: the library adds one.
    void this.#service.acknowledge(formatLsn(this.#told - 1n), ping);
  }
}
