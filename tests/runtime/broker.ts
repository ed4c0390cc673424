/** A real broker for one test, with every stream, and the ends that the runtime works on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { ExecutionContext } from 'ava';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { startNats } from '../../deploy/nats/server.ts';
import type { NatsServer } from '../../deploy/nats/server.ts';
import { ensureStreams } from '../../deploy/streams.ts';
import { encodeJournal, journalHeaders } from '../../runtime/codec.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { Records } from '../../runtime/records.ts';
import { skuSubject } from '../../runtime/subjects.ts';

export interface Broker {
  server: NatsServer;
  nc: NatsConnection;
  js: JetStreamClient;
  jsm: JetStreamManager;
  publisher: Publisher;
  records: Records;
  /** Entries at `warn` and above are kept. */
  log: Logger;
  complaints: { msg: string }[];
  /** Puts a fact into a SKU's journal. @returns its sequence */
  tell(sku: string, fact: object, id?: string): Promise<number>;
  /** The bytes of a KV entry, read another way than the runtime does. */
  bytes(subject: string): Promise<string | undefined>;
  /** Bodies of a stream, in order. */
  bodies(stream: string): Promise<Record<string, unknown>[]>;
}

let serial = 0;

/** @param reached a server that runs already, and a connection to it whose answers come to `inboxPrefix` */
export async function startBroker(t: ExecutionContext, reached?: { server: NatsServer; nc: NatsConnection; inboxPrefix: string }): Promise<Broker> {
  const { server, nc, inboxPrefix } = reached ?? await openServer(t);
  await ensureStreams(nc);
  const publisher = new Publisher(nc, inboxPrefix);
  t.teardown(() => publisher.close());
  const jsm = await jetstreamManager(nc);
  const complaints: { msg: string }[] = [];
  const log = pino({ level: 'warn' }, { write: line => { complaints.push(JSON.parse(line) as { msg: string }); } });
  return {
    server, nc, js: jetstream(nc), jsm, publisher, records: new Records(publisher), log, complaints,
    tell: async (sku, fact, id = `test:${++serial}`) => (await publisher.publish(skuSubject(sku), encodeJournal(fact), journalHeaders({ id }))).seq,
    bytes: async subject => (await jsm.direct.getMessage(`KV_${subject.split('.')[1]}`, { last_by_subj: subject }))?.string(),
    bodies: async stream => {
      const { state } = await jsm.streams.info(stream);
      const bodies: Record<string, unknown>[] = [];
      for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) bodies.push((await jsm.streams.getMessage(stream, { seq }))!.json());
      return bodies;
    },
  };
}

async function openServer(t: ExecutionContext): Promise<{ server: NatsServer; nc: NatsConnection; inboxPrefix: string }> {
  const storeDir = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(storeDir, { recursive: true, force: true }));
  const server = await startNats({ storeDir });
  t.teardown(() => server.stop());
  const nc = await connect({ servers: server.url });
  t.teardown(() => nc.close());
  return { server, nc, inboxPrefix: '_INBOX_test' };
}

/** Waits for a condition. @throws {Error} naming it when it does not come true in time */
export async function eventually(what: string, check: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  for (const until = performance.now() + withinMs; performance.now() < until;) {
    if (await check()) return;
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  throw new Error(`${what}: not within ${withinMs} ms`);
}
