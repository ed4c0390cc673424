/** Wires one Plumb node: connection, streams, membership, placement, and the owners of what falls to it. */
import { jetstream } from '@nats-io/jetstream';
import { connect } from 'nats';
import type { Logger } from 'pino';
import type { AdapterFactory } from '../actors/channel/adapter.ts';
import { parseNative } from '../actors/sku/ingest/native.ts';
import type { Rule } from '../actors/sku/protocol.ts';
import type { Config } from '../config/config.ts';
import { loadLimits } from '../config/limits.ts';
import type { Limits } from '../config/limits.ts';
import { AccountOwner } from '../runtime/account.ts';
import { BrokerClock } from '../runtime/clock.ts';
import { encodeJournal, journalHeaders } from '../runtime/codec.ts';
import { serveInspection } from '../runtime/inspect.ts';
import { Membership } from '../runtime/membership.ts';
import { Partition } from '../runtime/partition.ts';
import { perform } from '../runtime/perform.ts';
import { Placement } from '../runtime/placement.ts';
import type { Unit } from '../runtime/placement.ts';
import { Publisher } from '../runtime/publisher.ts';
import { Records } from '../runtime/records.ts';
import { signer } from '../runtime/signature.ts';
import { SourceOwner } from '../runtime/source.ts';
import { channelRecord, partitionCount, skuPartition, skuSubject } from '../runtime/subjects.ts';
import { Tap } from '../runtime/tap.ts';
import { Timers } from '../runtime/timers.ts';
import { adapters } from './channels.ts';
import { checkBroker, checkClock } from './checks.ts';
import { skuKind } from './sku-kind.ts';
import { ensureStreams } from './streams.ts';
import { tokenFiles, tokenMemory } from './token-file.ts';

export interface RunningNode {
  id: string;
  /** What `inspect.node.<id>` answers. */
  figures(): Record<string, unknown>;
  /** Hands everything over and leaves; resolves within 5 s. */
  stop(): Promise<void>;
  /** Resolves when the connection is closed for good. */
  closed: Promise<void>;
}

/** What a node is made of that is no configuration: a bench or a test may bring its own channel. */
export interface NodeParts {
  adapters: Readonly<Record<string, AdapterFactory>>;
  limitsOf(channel: string, scale: number): Limits;
}

/**
 * @throws {Error} when the broker cannot be reached, a stream is not as declared, or an account's settings are wrong
 */
export async function startNode(config: Config, log: Logger, parts: NodeParts = { adapters, limitsOf: loadLimits }): Promise<RunningNode> {
  const { id } = config.node;
  const inboxPrefix = `_INBOX_node-${id}`;
  const nc = await connect({
    servers: config.nats.url,
    name: `plumb-${id}`,
    inboxPrefix,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    pingInterval: 5_000,
    maxPingOut: 2,
    waitOnFirstConnect: false,
  });
  await checkBroker(nc, config.nats, log);
  await ensureStreams(nc, config.nats.replicas);
  const js = jetstream(nc, { timeout: 2_000 });
  const publisher = new Publisher(nc, inboxPrefix);
  const records = new Records(publisher);
  const clock = new BrokerClock();
  const tap = new Tap(js, log, id);
  const counts = { events: 0, turns: 0, recordWrites: 0 };
  const channelOf = new Map(config.accounts.map(({ account, channel }) => [account, channel]));
  const policies = Object.fromEntries(config.sources.map(({ source, inOrder, floor }) => [source, { inOrder, floor }]));
  const kind = skuKind({ sign: signer(account => channelOf.get(account)), debounce: config.debounce, gapMs: config.gapMs, sources: policies });
  const partitions = new Map<number, Partition<unknown>>();

  const timers = new Timers<() => void>(wake => wake(), () => clock.now());

  const skuUnit = (number: number): Unit => ({
    id: `sku.${number}`,
    epoch: skuPartition.epoch(number),
    async acquire(epoch) {
      const partition = new Partition(number, {
        js, records, kind, log,
        name: id,
        perform: effects => perform(publisher, effects),
        now: () => clock.now(),
        wakeAt: (at, wake) => timers.add(at, wake),
        tell: async (key, factId, fact) => { await publisher.publish(skuSubject(key), encodeJournal(fact), journalHeaders({ id: factId })); },
        onLost: reason => placement.giveUp(`sku.${number}`, reason),
        onTurn: messages => { counts.events += messages; counts.turns += 1; counts.recordWrites += 1; },
      });
      await partition.start(epoch);
      partitions.set(number, partition as Partition<unknown>);
      return { release: async () => { partitions.delete(number); await partition.stop(); } };
    },
  });

  const tokens = config.secretsDir === undefined ? tokenMemory() : tokenFiles(config.secretsDir);
  const owners = new Map<string, AccountOwner>();
  const accountUnits = config.accounts.map(({ account, channel, baseUrl, credentials, settings, rule }): Unit => {
    const create = parts.adapters[channel];
    if (!create) throw new Error(`accounts.${account}.channel: ${JSON.stringify(channel)} is none of ${Object.keys(parts.adapters).join(', ')}`);
    const adapter = create({ account, channel, baseUrl, credentials, settings }, { now: Date.now, uuid: () => crypto.randomUUID(), tokens, timeScale: config.timeScale });
    const limits = parts.limitsOf(channel, config.timeScale);
    return {
      id: `account.${account}`,
      epoch: channelRecord.epoch(account),
      async acquire() {
        const owner = new AccountOwner({
          account, node: id, adapter, limits, nc, js, publisher, records, tap, membership, log,
          rule: ruleOf(rule),
          times: { ...config.reconcile, ...config.channels },
          onLost: reason => placement.giveUp(`account.${account}`, reason),
        });
        await owner.start();
        owners.set(account, owner);
        return { release: async () => { owners.delete(account); await owner.release(); } };
      },
    };
  });

  const sourceUnits = config.sources.map(({ source }): Unit => ({
    id: `source.${source}`,
    epoch: channelRecord.epoch(`source.${source}`),
    async acquire() {
      const owner = new SourceOwner({ source, node: id, parse: parseNative, js, publisher, records, log });
      await owner.start();
      return owner;
    },
  }));

  const units = [...Array.from({ length: partitionCount }, (_, number) => skuUnit(number)), ...accountUnits, ...sourceUnits];
  const membership: Membership = new Membership({
    nc, js, publisher, clock, log,
    node: id,
    run: crypto.randomUUID(),
    onChange: () => placement.settle(),
    onReplaced: pid => {
      log.fatal({ node: id, pid }, 'a younger process has this node\'s name, this one ends');
      void nc.close();
    },
  });
  const placement: Placement = new Placement(js, { units, membership, records, log });
  await membership.start();
  checkClock(clock.skewMs, log);
  await placement.start();
  const figures = (): Record<string, unknown> => nodeFigures(id, placement, partitions, owners, { ...counts, recordSeen: tap.seen });
  const inspection = await serveInspection(nc, { node: id, records, figures });
  log.info({ node: id, server: nc.getServer() }, 'node serves');

  return {
    id,
    figures,
    closed: nc.closed().then(() => undefined),
    async stop() {
      await membership.leave();
      await placement.leave();
      await membership.stop();
      timers.close();
      await tap.stop();
      await inspection.stop();
      publisher.close();
      await nc.drain();
      log.info({ node: id }, 'node left');
    },
  };
}

/** What is not set is absent, not undefined. */
function ruleOf({ percent, buffer, max }: Config['accounts'][number]['rule']): Rule {
  return { ...(percent !== undefined && { percent }), buffer, ...(max !== undefined && { max }) };
}

function nodeFigures(node: string, placement: Placement, partitions: ReadonlyMap<number, Partition<unknown>>, owners: ReadonlyMap<string, AccountOwner>, counts: object): Record<string, unknown> {
  const held = placement.held;
  const named = (prefix: string): string[] => held.filter(unit => unit.startsWith(prefix)).map(unit => unit.slice(prefix.length));
  let hot = 0;
  let lag = 0;
  for (const partition of partitions.values()) {
    hot += partition.hot;
    lag += partition.lag;
  }
  let pending = 0;
  for (const owner of owners.values()) pending += owner.pending;
  return {
    node,
    pid: process.pid,
    startedAt: Date.now() - Math.round(process.uptime() * 1000),
    partitions: named('sku.').map(Number).sort((a, b) => a - b),
    accounts: named('account.').sort(),
    sources: named('source.').sort(),
    ...counts,
    hot,
    lag,
    pending,
    rssMb: Math.round(process.memoryUsage.rss() / 1e6),
  };
}
