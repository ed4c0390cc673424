/**
 * Answers what SKUs ask of the source (`ask.<source>.<key>`) by reading their rows again.
 *
 * Where does a row stand that was read now? It must lie above everything that is in it, or it would be taken for old,
 * and below everything that is not, or a change on its way would be taken for old and be lost. The log's end
 * (`pg_current_wal_lsn`) is not below: a transaction is in the log before others see it, for as long as a synchronous
 * standby takes. So an answer stands behind the last transaction that the slot handed out (`[end of its commit, -1]`),
 * and is given only when the reading saw every transaction handed out. What it saw besides comes by the slot later,
 * with a higher position, and says the same. Transactions handed out before this session are not known: those that
 * were open when it began are waited for.
 */
import type { NatsConnection } from 'nats';
import type { Client } from 'pg';
import type { Logger } from 'pino';
import { Reader } from '../../../runtime/reader.ts';
import { askSubject, streams } from '../../../runtime/subjects.ts';
import type { Change } from './envelope.ts';
import { readRows, reading, visibleNow } from './reading.ts';
import type { Visible } from './reading.ts';

export interface AsksPorts {
  source: string;
  node: string;
  client: Client;
  /** Tables with the column that holds the SKU. */
  tables: readonly { table: string; key: string }[];
  nc: NatsConnection;
  log: Logger;
  /** First question to answer, a sequence of ASK. */
  from: number;
  /** What the slot handed out: its end, behind which an answer stands. */
  read(): bigint;
  /** Resolves when the journal has it; `id` names the answer. */
  store(change: Change, id: string): Promise<void>;
  /** All rows of that question are stored. */
  onAnswered(seq: number): void;
}

/** Transactions handed out that may not be visible yet: no more than PostgreSQL has connections, and some. */
const recentMost = 2_000;
const retryMs = 100;
/** Waits until it is told of. */
const patience = 100;

export class Asks {
  readonly #ports: AsksPorts;
  readonly #recent = new Set<number>();
  #former: ReadonlySet<bigint> = new Set();
  #reader: Reader | undefined;
  #stopping = false;

  constructor(ports: AsksPorts) {
    this.#ports = ports;
  }

  /** Before the slot is read. */
  async prepare(): Promise<void> {
    this.#former = (await visibleNow(this.#ports.client)).open;
  }

  start(): void {
    const { source, node, nc, log, from } = this.#ports;
    this.#reader = new Reader(nc, {
      stream: streams.ask,
      filter: askSubject(source),
      from,
      name: `asks-${source}-${node}`,
      onMessage: message => this.#answer(message.seq, message.data),
      onError: error => log.warn({ err: error, source }, 'questions could not be answered, reading on'),
    });
  }

  /** The slot handed out a transaction. */
  note(xid: number): void {
    this.#recent.add(xid);
    if (this.#recent.size > recentMost) for (const oldest of this.#recent) { this.#recent.delete(oldest); break; }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#reader?.stop();
  }

  async #answer(seq: number, data: Uint8Array): Promise<void> {
    const { source, client, tables, log, store, onAnswered } = this.#ports;
    const sku = skuOf(data);
    if (sku === undefined) {
      log.warn({ source, seq }, 'a question names no sku, it is left unanswered');
      return onAnswered(seq);
    }
    for (let waits = 1; !this.#stopping; waits++) {
      const behind = this.#ports.read();
      const handedOut = [...this.#recent];
      const { rows, visible, at } = await readRows(client, tables, sku);
      if (this.#saw(visible, handedOut)) {
        await Promise.all(rows.map(({ table, row }, n) => store(reading(table, row, behind, at), `ask:${seq}:${n}`)));
        log.info({ source, sku, rows: rows.length }, rows.length > 0 ? 'answered what a SKU asked for' : 'a SKU asked for has no row');
        return onAnswered(seq);
      }
      if (waits === patience) log.warn({ source, sku }, 'an answer waits for transactions that were open before: see pg_stat_activity for old ones');
      await new Promise(resolve => setTimeout(resolve, retryMs));
    }
  }

  #saw(visible: Visible, handedOut: readonly number[]): boolean {
    for (const xid of this.#former) if (visible.open.has(xid)) return false;
    if (!handedOut.every(xid => visible.sees(xid))) return false;
    for (const xid of handedOut) this.#recent.delete(xid);
    return true;
  }
}

function skuOf(data: Uint8Array): string | undefined {
  try {
    const { sku } = JSON.parse(Buffer.from(data).toString()) as { sku?: unknown };
    return typeof sku === 'string' && sku !== '' && !sku.includes('\0') ? sku : undefined;
  } catch {
    return undefined;
  }
}
