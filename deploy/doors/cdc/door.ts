/**
 * One PostgreSQL database as a source: its tables are read once, then its changes, each a raw message in INGEST
 * before PostgreSQL may forget it. A placed unit: one node reads, and PostgreSQL refuses a second one. What needs a
 * person is told once as a dead letter and looked at again until it is mended.
 */
import { Socket } from 'node:net';
import type { NatsConnection, Subscription } from 'nats';
import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import type { Logger } from 'pino';
import type { PostgresDoor } from '../../../config/doors.ts';
import type { Owned } from '../../../runtime/placement.ts';
import { PublishError } from '../../../runtime/publisher.ts';
import type { Publisher } from '../../../runtime/publisher.ts';
import type { Records } from '../../../runtime/records.ts';
import { escapeKey } from '../../../runtime/subjects.ts';
import { receive } from '../receipt.ts';
import { comparisonText } from '../files/compare.ts';
import { Asks } from './asks.ts';
import { compareTables } from './compare.ts';
import { checkDatabase } from './database.ts';
import { envelope } from './envelope.ts';
import type { Change } from './envelope.ts';
import { formatLsn, lsnNumber } from './lsn.ts';
import { DoorProblem } from './problem.ts';
import { readTables } from './reading.ts';
import { DoorState } from './state.ts';
import type { DoorRecord } from './state.ts';
import { createSlot, dropSlot, slotOf, systemOf } from './slot.ts';
import type { Slot } from './slot.ts';
import { ChangeStream } from './stream.ts';

export interface CdcPorts {
  door: PostgresDoor;
  node: string;
  nc: NatsConnection;
  publisher: Publisher;
  records: Records;
  log: Logger;
  /** Bytes that the broker takes in one message. */
  brokerMaxBytes: number;
  /** Another owner has taken over. */
  onLost(reason: string): void;
}

/** Waits between tries, ms; after a problem that a person has to mend, the longest at once. */
const retryMs = [250, 5_000] as const;
const saveMs = 1_000;
const overhead = 4_096;

export class CdcDoor implements Owned {
  readonly #p: CdcPorts;
  readonly #client: ClientConfig;
  readonly #database: string;
  readonly #state: DoorState;
  #control: Subscription | undefined;
  #stream: ChangeStream | undefined;
  #running: Promise<void> | undefined;
  #stopping = false;
  #wake: () => void = () => {};
  /** Of every connection to the database: what waits there, for as long as it likes, ends with the door. */
  readonly #sockets = new Set<Socket>();

  constructor(ports: CdcPorts) {
    this.#p = ports;
    this.#client = { connectionString: ports.door.url, application_name: `plumb ${ports.node}`, keepAlive: true, connectionTimeoutMillis: 10_000, stream: () => this.#socket() };
    this.#database = decodeURIComponent(new URL(ports.door.url).pathname.slice(1));
    this.#state = new DoorState({ ...ports, source: ports.door.source });
  }

  async start(): Promise<void> {
    const { nc, door: { source } } = this.#p;
    await this.#state.load();
    this.#control = nc.subscribe(`control.door.${escapeKey(source)}`, { callback: (error, message) => {
      if (!error) void this.#obey(message.string()).then(answer => message.respond(JSON.stringify(answer)));
    } });
    this.#running = this.#run();
  }

  async release(): Promise<void> {
    this.#stopping = true;
    this.#control?.unsubscribe();
    this.#wake();
    await this.#stream?.stop();
    for (const socket of this.#sockets) socket.destroy();
    await this.#running;
    // Lags where it cannot be written: the slot itself knows what is stored.
    await this.#state.save().catch((error: unknown) => this.#p.log.warn({ err: error }, 'record of a door not written at its release'));
  }

  async #obey(command: string): Promise<object> {
    const changes: Record<string, Partial<DoorRecord>> = {
      resnapshot: { read: [], released: undefined, mayRecreate: true },
      release: { released: true },
      // What changed while nobody read stays unknown: the rows are as they were.
      drop: { read: this.#p.door.tables.filter(({ snapshot }) => snapshot).map(({ table }) => table) },
    };
    const change = Object.hasOwn(changes, command) ? changes[command] : undefined;
    if (!change) return { ok: false, error: `unknown command ${JSON.stringify(command)}: ${Object.keys(changes).join(', ')}` };
    if (command !== 'resnapshot' && this.#state.value.held === undefined) return { ok: false, error: `${command}: nothing is held` };
    this.#state.change({ ...change, held: undefined });
    await this.#state.save();
    this.#wake();
    void this.#stream?.stop();
    return { ok: true };
  }

  async #run(): Promise<void> {
    const { log, door: { source } } = this.#p;
    let wait: number = retryMs[0];
    while (!this.#stopping) {
      try {
        await this.#session(() => { wait = retryMs[0]; });
      } catch (error) {
        if (this.#stopping) return;
        if (error instanceof DoorProblem) {
          wait = retryMs[1];
          await this.#state.problem(error).catch((cause: unknown) => log.error({ err: cause, problem: error.message }, 'a task of this door could not be told'));
        } else {
          log.warn({ err: error, source }, 'database is not read, trying again');
        }
        await this.#pause(wait);
        wait = Math.min(retryMs[1], wait * 2);
      }
    }
  }

  /** From one connection to its end. @param onReading changes come in */
  async #session(onReading: () => void): Promise<void> {
    const { door, log } = this.#p;
    const client = new Client(this.#client);
    const broken = Promise.withResolvers<never>();
    broken.promise.catch(() => undefined);
    client.on('error', error => broken.reject(error));
    await client.connect();
    try {
      await checkDatabase(client, door, log);
      const slot = await this.#slot(client);
      await this.#readTables();
      await this.#follow(client, slot, onReading, broken.promise);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** The slot to read from: as it is, or made where none was or may be made again. */
  async #slot(client: Client): Promise<Slot> {
    const { door: { slot: name, source, recreateSlot, tables }, log } = this.#p;
    const slot = await slotOf(client, name);
    const system = await systemOf(this.#client);
    const known = this.#state.value;
    const mayRecreate = recreateSlot || known.mayRecreate === true;
    if (slot && !slot.isLost && known.system === system) return slot;
    if (known.system !== undefined || slot) {
      const reason = !slot ? `slot ${name} is gone` : slot.isLost ? `slot ${name} was given up by PostgreSQL` : known.system === undefined ? `slot ${name} is there and Plumb has not read it` : 'this is another database than the one that was read before';
      if (!mayRecreate) {
        const blind = tables.filter(({ snapshot }) => !snapshot).map(({ table }) => table);
        throw new DoorProblem('slot', `${reason}: what changed since is not known`,
          `nats req control.door.${source} resnapshot, or recreateSlot: true: the slot is made again and every row is read again${blind.length > 0 ? `; changes of ${blind.join(', ')}, which has no snapshot, stay lost` : ''}`);
      }
      log.warn({ source, slot: name, reason }, 'slot is made again, every row is read again');
    }
    if (slot?.isActive) throw new Error(`slot ${name} is read by somebody else`);
    if (slot) await dropSlot(client, name);
    // Whatever becomes of this process now: a slot that is there later is ours.
    this.#state.change({ mayRecreate: true });
    await this.#state.save();
    const confirmed = await createSlot(this.#client, name);
    await this.#state.begin(system, lsnNumber(confirmed));
    return { confirmed, isLost: false, isActive: false };
  }

  /** Tables that were never read, or are to be read again. */
  async #readTables(): Promise<void> {
    const { door: { source, slot, tables }, log } = this.#p;
    const due = tables.filter(({ table, snapshot }) => snapshot && !this.#state.value.read.includes(table)).map(({ table }) => table);
    if (due.length === 0) return;
    await this.#compare(due);
    // A reading that is broken off goes on as the same one: the slot keeps what changed meanwhile.
    this.#state.change({ released: true });
    await this.#state.save();
    log.info({ source, tables: due }, 'reading every row');
    const storing = new Set<Promise<void>>();
    let highest = 0;
    const rows = await readTables(this.#client, `${slot.slice(0, 50)}_snapshot`, due, async (change, n) => {
      if (this.#stopping) throw new Error('given up meanwhile');
      highest = change.position[0];
      const stored = this.#store(change, `r${n}`);
      storing.add(stored);
      // A failure is met below; here it must not count as unhandled.
      stored.then(() => storing.delete(stored), () => undefined);
      if (storing.size >= 500) await Promise.race(storing);
    });
    await Promise.all(storing);
    this.#state.change({ read: [...this.#state.value.read, ...due], released: undefined });
    this.#state.reached(highest);
    await this.#state.save();
    log.info({ source, tables: due, rows }, 'every row is in the journal');
  }

  /** Rows that are read again may change only so much before a person has looked. @throws {DoorProblem} */
  async #compare(tables: readonly string[]): Promise<void> {
    const { nc, log, door: { source, slot } } = this.#p;
    const { held, released, base } = this.#state.value;
    if (released) return;
    if (held === undefined) {
      const comparison = await compareTables({ nc, source, client: this.#client, slot: `${slot.slice(0, 50)}_compare`, tables, isOver: () => this.#stopping }, change => {
        const position = [base + change.position[0], change.position[1]] as const;
        return { text: Buffer.from(envelope({ source, database: this.#database }, { ...change, position })).toString(), position: JSON.stringify(position) };
      });
      if (!comparison) return;
      log.info({ source, tables, ...comparison.diff }, 'what reading every row again would change');
      if (comparison.over.length === 0) return;
      this.#state.change({ held: `rows read again: ${comparison.over.join('; ')}. None of it is taken in.\n${comparisonText(comparison)}` });
      await this.#state.save();
    }
    throw new DoorProblem('snapshot', this.#state.value.held!, `nats req control.door.${source} release, if it is right; drop, to go on with changes alone; or resnapshot, once the tables are right. Until then PostgreSQL keeps its log for the slot`);
  }

  async #follow(client: Client, slot: Slot, onReading: () => void, broken: Promise<never>): Promise<void> {
    const { door, node, nc, log } = this.#p;
    const tables = door.tables.flatMap(({ table, key }) => (key === undefined ? [] : [{ table, key }]));
    const asks = new Asks({
      source: door.source, node, client, tables, nc, log,
      from: this.#state.value.asked + 1,
      read: () => stream.read,
      store: (change, id) => this.#store(change, id),
      onAnswered: seq => this.#state.change({ asked: seq }),
    });
    await asks.prepare();
    if (this.#stopping) return;
    this.#state.change({ mayRecreate: false });
    const stream = this.#stream = new ChangeStream({
      client: this.#client, slot: door.slot, publication: door.publication, from: slot.confirmed,
      tables: new Set(door.tables.map(({ table }) => table)),
      store: change => this.#store(change, String(change.position[1])),
      onCommit: xid => asks.note(xid),
    });
    const save = setInterval(() => {
      // PostgreSQL answers: whatever was wrong is mended.
      if (!stream.isReading) return;
      onReading();
      this.#state.reached(lsnNumber(stream.stored));
      void this.#state.healed().then(() => this.#state.save()).catch((error: unknown) => log.warn({ err: error, source: door.source }, 'where the slot stands could not be stored'));
    }, saveMs);
    log.info({ source: door.source, slot: door.slot, from: formatLsn(slot.confirmed) }, 'reading changes');
    if (tables.length > 0) asks.start();
    try {
      await Promise.race([stream.ended, broken]);
    } finally {
      clearInterval(save);
      await stream.stop();
      await asks.stop();
      this.#state.reached(lsnNumber(stream.stored));
      this.#stream = undefined;
    }
  }

  /** Resolves when the journal has it. @throws {Error} when the door was released meanwhile */
  async #store(change: Change, id: string): Promise<void> {
    const { door: { source }, publisher, brokerMaxBytes, log } = this.#p;
    const { base } = this.#state.value;
    const position = [base + change.position[0], change.position[1]] as const;
    const body = envelope({ source, database: this.#database }, { ...change, position });
    for (let attempt = 1; !this.#stopping; attempt++) {
      try {
        if (body.length > brokerMaxBytes - overhead) await this.#state.tooLarge(change, position, body.length);
        else await receive(publisher, { source, door: 'cdc', id: `${position[0]}:${id}`, contentType: 'application/json', body, position });
        return;
      } catch (error) {
        if (!(error instanceof PublishError)) throw error;
        if (attempt === 1) log.warn({ err: error, source }, 'change not stored, trying again');
        await new Promise(resolve => setTimeout(resolve, Math.min(2_000, 50 * 2 ** attempt)));
      }
    }
    throw new Error('given up meanwhile');
  }

  #socket(): Socket {
    if (this.#stopping) throw new Error('given up meanwhile');
    const socket = new Socket();
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
