/** Wires one Plumb node: connection, streams, membership, placement, and the owners of what falls to it. */
import { connect } from 'nats';
import type { Logger } from 'pino';
import type { AdapterFactory } from '../actors/channel/adapter.ts';
import type { Mapping } from '../actors/sku/ingest/mapping.ts';
import { parseNative } from '../actors/sku/ingest/native.ts';
import type { Rule } from '../actors/sku/protocol.ts';
import type { Config } from '../config/config.ts';
import { loadLimits, withOwn } from '../config/limits.ts';
import type { Limits } from '../config/limits.ts';
import { loadMapping } from '../config/sources.ts';
import { AccountOwner } from '../runtime/account.ts';
import { Answers } from '../runtime/answers.ts';
import { BrokerClock } from '../runtime/clock.ts';
import { encodeJournal, journalHeaders } from '../runtime/codec.ts';
import { DeadKeeper } from '../runtime/dead/keeper.ts';
import { Feed } from '../runtime/feed.ts';
import { serveInspection } from '../runtime/inspect.ts';
import type { MarkStore } from '../runtime/loss/marks.ts';
import { Membership, factsRead } from '../runtime/membership.ts';
import { ModeKeeper } from '../runtime/mode-keeper.ts';
import { Pace } from '../runtime/pace.ts';
import { checkpointEveryMs, Partition } from '../runtime/partition.ts';
import { perform } from '../runtime/perform.ts';
import { Placement } from '../runtime/placement.ts';
import type { Unit } from '../runtime/placement.ts';
import { Publisher } from '../runtime/publisher.ts';
import { Readiness } from '../runtime/readiness.ts';
import { redialDelay } from '../runtime/redial.ts';
import { Records } from '../runtime/records.ts';
import { RhythmWatch } from '../runtime/rhythm.ts';
import { Rounds } from '../runtime/rounds.ts';
import { SourceOwner } from '../runtime/source.ts';
import { channelRecord, partitionCount, skuPartition, skuSubject, streams } from '../runtime/subjects.ts';
import { Tap } from '../runtime/tap.ts';
import { Timers } from '../runtime/timers.ts';
import { ArchiveKeeper } from './archive/keeper.ts';
import { adapters, tokenStoreFor } from './channels.ts';
import { checkBroker, checkClock } from './checks.ts';
import { CdcDoor } from './doors/cdc/door.ts';
import { checkDoors } from './doors/check.ts';
import { openHookDoor } from './doors/hooks/door.ts';
import { HookIntake } from './doors/hooks/intake.ts';
import { hookedAccounts, overHttp } from './doors/hooks/open.ts';
import type { Hooked } from './doors/hooks/open.ts';
import { readQueue } from './doors/hooks/reading.ts';
import { openSqs } from './doors/hooks/sqs.ts';
import { openHttpDoor } from './doors/http.ts';
import { accessOptions } from './nats/access.ts';
import { eachRefusal } from './nats/refusals.ts';
import { lazyFlush } from './durability.ts';
import { makeYoung } from './heap.ts';
import { guardBroker } from './loss.ts';
import { nodeSeries, serveMetrics, version } from './metrics.ts';
import { Audit } from './audit.ts';
import { Prices } from './prices.ts';
import type { Observed } from './metrics.ts';
import { Traces } from './traces.ts';
import { Reloads } from './reload.ts';
import type { Answer as Reloaded } from './reload.ts';
import { refuseWhileRebuilt } from './rebuild/record.ts';
import { probePorts } from './exposure-terms.ts';
import { kindUnder, recordSettings, skuSettings } from './sku-settings.ts';
import { ensureStreams } from './streams.ts';

export interface RunningNode {
  id: string;
  /** What `inspect.node.<id>` answers. */
  figures(): Record<string, unknown>;
  /** Takes up what can be changed without a restart. */
  reload(): Promise<Reloaded>;
  /** Hands everything over and leaves; resolves within 5 s. */
  stop(): Promise<void>;
  /** Where figures and health are told, if they are. */
  metricsUrl: string | undefined;
  /** Resolves when the connection is closed for good. */
  closed: Promise<void>;
}

/** What a node is made of that is no configuration: a bench or a test may bring its own channel. */
export interface NodeParts {
  adapters: Readonly<Record<string, AdapterFactory>>;
  limitsOf(channel: string, scale: number): Limits;
  /** Reads the configuration again, for who changes it while the node runs. @throws {ConfigError} */
  reread?(): Config;
  /** Instead of a file in `node.dataDir`. */
  marks?: MarkStore;
}

export const realParts: NodeParts = { adapters, limitsOf: loadLimits };

/**
 * @throws {Error} when the broker cannot be reached, a stream is not as declared, or an account's settings are wrong
 */
export async function startNode(config: Config, log: Logger, parts: NodeParts = realParts): Promise<RunningNode> {
  const { id } = config.node;
  makeYoung();
  checkDoors(config);
  const hooked = hookedAccounts(config, Date.now);
  const inboxPrefix = `_INBOX_node.${id}`;
  const nc = await connect({
    ...accessOptions(config.nats),
    servers: config.nats.url,
    name: `plumb-${id}`,
    inboxPrefix,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: redialDelay({ waitMs: 250, jitterMs: config.nats.tls ? 1_000 : 100 }),
    // A link that died without a word is noticed within three of them.
    pingInterval: 2_000,
    maxPingOut: 2,
    waitOnFirstConnect: false,
  });
  void eachRefusal(nc, ({ operation, subject }) => log.error({ operation, subject }, 'the broker does not allow this node to do this: compare its permissions with deploy/nats/accounts.conf'));
  const mirrorOnly = lazyFlush(config.exposure, await checkBroker(nc, config.nats, log), log);
  await ensureStreams(nc, config.nats.replicas);
  const { guard, marks } = await guardBroker(nc, config, log, parts.marks);
  const publisher = new Publisher(nc, inboxPrefix, { onAck: ({ stream, seq }, subject, headers) => marks.acknowledged(stream, seq, subject, headers), again: () => guard.again() });
  const records = new Records(publisher);
  const clock = new BrokerClock();
  const tap = new Tap(nc, log, id);
  const counts = { events: 0, turns: 0, recordWrites: 0 };
  const settings = skuSettings(config);
  await refuseWhileRebuilt(records);
  await guard.start();
  await recordSettings(records, settings);
  const kind = kindUnder(settings);
  const partitions = new Map<number, Partition<unknown>>();
  const pace = new Pace();
  const rounds = new Rounds(checkpointEveryMs);
  const feed = new Feed({ nc, publisher, pace, log, name: id });

  marks.follow(streams.sku, () => feed.position);
  marks.follow(streams.skuRecords, () => tap.seen);

  const timers = new Timers<() => void>(wake => wake(), () => clock.now());

  const skuUnit = (number: number): Unit => ({
    id: `sku.${number}`,
    epoch: skuPartition.epoch(number),
    async acquire(epoch) {
      const partition = new Partition(number, {
        nc, records, kind, log, feed, pace, rounds,
        perform: async effects => {
          await perform(publisher, effects);
          series?.exposure.told(effects);
        },
        now: () => clock.now(),
        wakeAt: (at, wake) => timers.add(at, wake),
        tell: async (key, factId, fact) => { await publisher.publish(skuSubject(key), encodeJournal(fact), journalHeaders({ id: factId })); },
        onStoring: (subject, record, data) => tap.storing(subject, record, data),
        onStored: (subject, record, revision) => {
          counts.recordWrites += 1;
          tap.stored(subject, record, revision);
        },
        onLost: reason => placement.giveUp(`sku.${number}`, reason),
        onTurn: messages => { counts.events += messages; counts.turns += 1; },
      });
      await partition.start(epoch);
      partitions.set(number, partition as Partition<unknown>);
      return { release: async () => { partitions.delete(number); await partition.stop(); } };
    },
  });

  const traces = config.traces && new Traces({ nc, log, node: id, version, settings: config.traces });
  const prices = config.prices === undefined ? undefined : new Prices(config.prices, log);
  const owners = new Map<string, AccountOwner>();
  const answers = new Answers({ publisher, mayJoin: () => membership.allRead(factsRead) });
  const live = new Reloads(config, { node: id, nc, log, reread: parts.reread, renew: unit => placement.renew(unit) });
  const accountUnits = config.accounts.map((each): Unit => {
    const { account, channel, baseUrl, credentials, settings, stage } = each;
    const create = parts.adapters[channel];
    if (!create) throw new Error(`accounts.${account}.channel: ${JSON.stringify(channel)} is none of ${Object.keys(parts.adapters).join(', ')}`);
    const tokens = tokenStoreFor(config.secretsDir, { account, channel, settings });
    const adapter = create({ account, channel, baseUrl, credentials, settings }, { now: () => Math.round(clock.now()), uuid: () => crypto.randomUUID(), tokens, timeScale: config.timeScale });
    return {
      id: `account.${account}`,
      epoch: channelRecord.epoch(account),
      async acquire() {
        const { rule, limits } = live.account(account);
        const { reconcile, channels, governor, promises } = live.config;
        const owner = new AccountOwner({
          account, node: id, adapter, nc, publisher, records, tap, answers, membership, log,
          loss: guard.known,
          now: () => clock.now(),
          rule: ruleOf(rule),
          stage,
          probe: probePorts(config, each),
          limits: withOwn(parts.limitsOf(channel, config.timeScale), limits, config.timeScale),
          times: { ...reconcile, ...channels },
          governor,
          promises,
          ...(traces && { onProven: job => traces.proven(job) }),
          priceOf: sku => prices?.of(sku),
          brandOf: sku => prices?.brandOf(sku),
          onLost: reason => placement.giveUp(`account.${account}`, reason),
        });
        await owner.start();
        owner.verified.onAdd = ms => series?.accounts.verified(account, channel, ms);
        owners.set(account, owner);
        const { queue, ...hook } = hooked.get(account) ?? {};
        const reading = queue && readQueue({ ...(hook as Hooked), queue: await openSqs(queue), intake: new HookIntake({ publisher, nc, now: Date.now }), publisher, node: id, log });
        return {
          release: async () => {
            owners.delete(account);
            await reading?.stop();
            await owner.release();
          },
        };
      },
    };
  });

  const sourceOwners = new Set<SourceOwner>();
  marks.follow(streams.ingest, () => Math.max(0, ...[...sourceOwners].map(({ position }) => position)));
  const mappingOf = ({ source, mapping, params = {}, tables = {}, order, inOrder, floor, ordersIn }: Config['sources'][number]): Mapping | undefined =>
    (mapping === undefined ? undefined : loadMapping(mapping, { source, params, tables, policy: { order, inOrder, floor, ordersIn } }));
  const sourceUnits = config.sources.map((settings): Unit => {
    const { source } = settings;
    // One that cannot be used is told of before anything is taken up.
    mappingOf(settings);
    return {
      id: `source.${source}`,
      epoch: channelRecord.epoch(`source.${source}`),
      async acquire() {
        const { rhythm } = live.source(source);
        const { governor } = live.config;
        const owner = new SourceOwner({
          source, node: id, parse: parseNative, mapping: mappingOf(live.source(source)), nc, publisher, records, log,
          limits: { zero: governor.sources[source]?.zero ?? governor.zero, raise: governor.sources[source]?.raise ?? governor.raise },
          priceOf: sku => prices?.of(sku),
          rhythm: rhythm === 'off' ? undefined : new RhythmWatch({ source, everyMs: rhythm?.everyMs, publisher, records, log, now: () => clock.now() }),
        });
        await owner.start();
        sourceOwners.add(owner);
        return { release: async () => { sourceOwners.delete(owner); await owner.release(); } };
      },
    };
  });

  const doorUnits = config.doors.postgres.map((door): Unit => ({
    id: `door.${door.source}`,
    epoch: channelRecord.epoch(`door.${door.source}`),
    async acquire() {
      const owner = new CdcDoor({ door, node: id, nc, publisher, records, log, brokerMaxBytes: nc.info!.max_payload, onLost: reason => placement.giveUp(`door.${door.source}`, reason) });
      await owner.start();
      return owner;
    },
  }));

  let deadKeeper: DeadKeeper | undefined;
  const deadUnit: Unit = {
    id: 'dead',
    epoch: channelRecord.epoch('dead'),
    async acquire() {
      const keeper = new DeadKeeper({ nc, publisher, records, log });
      const audit = config.audit.everyMs === 0 ? undefined : new Audit({ nc, publisher, records, log, everyMs: config.audit.everyMs });
      await keeper.start();
      try {
        await audit?.start();
      } catch (error) {
        // Taken again later, by another keeper.
        await keeper.release();
        throw error;
      }
      deadKeeper = keeper;
      return { release: async () => { deadKeeper = undefined; await Promise.all([keeper.release(), audit?.release()]); } };
    },
  };

  let archiveKeeper: ArchiveKeeper | undefined;
  const archiveUnits = config.archive ? [config.archive].map((archive): Unit => ({
    id: 'archive',
    epoch: channelRecord.epoch('archive'),
    async acquire() {
      const keeper = new ArchiveKeeper({ nc, publisher, records, log, archive, now: () => clock.now() });
      await keeper.start();
      archiveKeeper = keeper;
      return { release: async () => { archiveKeeper = undefined; await keeper.release(); } };
    },
  })) : [];

  const modesUnit: Unit = {
    id: 'modes',
    epoch: channelRecord.epoch('modes'),
    async acquire() {
      const { mode, risk, unmeasuredMs } = config.exposure;
      const keeper = new ModeKeeper({
        nc, publisher, records, tap, log, mode, mirrorOnly, risk, unmeasuredMs, pace: config.timeScale, debounceMs: config.debounce.hardMs, accounts: config.accounts.map(({ account }) => account),
      });
      keeper.start();
      return keeper;
    },
  };

  const units = [...Array.from({ length: partitionCount }, (_, number) => skuUnit(number)), ...accountUnits, ...sourceUnits, ...doorUnits, ...archiveUnits, deadUnit, modesUnit];
  const membership: Membership = new Membership({
    nc, publisher, clock, log,
    node: id,
    run: crypto.randomUUID(),
    onChange: () => placement.settle(),
    onReplaced: pid => {
      log.fatal({ node: id, pid }, 'a younger process has this node\'s name, this one ends');
      void nc.close();
    },
  });
  const placement: Placement = new Placement(nc, { units, membership, records, log });
  const readiness = new Readiness({ membership, placement });
  const observed: Observed = {
    node: id, counts, partitions, owners,
    held: () => placement.held, keeper: () => deadKeeper, archive: () => ({ configured: config.archive !== undefined, streams: archiveKeeper?.figures ?? [] }), leased: () => membership.leased, idle: () => readiness.problem, skewMs: () => clock.skewMs, isClosed: () => nc.isClosed(),
  };
  const series = config.metrics && nodeSeries(observed);
  await membership.start();
  checkClock(clock.skewMs, log);
  await placement.start();
  const http = config.doors.http && await openHttpDoor({ door: config.doors.http, publisher, log, now: Date.now, brokerMaxBytes: nc.info!.max_payload });
  const hookDoor = config.hooks?.port !== undefined && await openHookDoor({ door: config.hooks, accounts: overHttp(hooked), publisher, nc, log, now: Date.now });
  const figures = (): Record<string, unknown> => nodeFigures(id, placement, partitions, owners, { ...counts, recordSeen: tap.seen, firstReading: tap.firstReading, journalSeen: feed.toldTo });
  const metrics = series && await serveMetrics(config.metrics!, series, observed, log);
  live.serve();
  const inspection = await serveInspection(nc, { node: id, records, figures });
  log.info({ node: id, server: nc.getServer() }, 'node serves');

  return {
    id,
    figures,
    reload: () => live.reload(),
    metricsUrl: metrics?.url,
    closed: nc.closed().then(() => undefined),
    async stop() {
      readiness.leave();
      live.close();
      prices?.close();
      await http?.close();
      if (hookDoor) await hookDoor.close();
      await membership.leave();
      await placement.leave();
      await membership.stop();
      timers.close();
      await feed.stop();
      await tap.stop();
      await traces?.stop();
      await inspection.stop();
      guard.stop();
      await marks.stop();
      publisher.close();
      await nc.drain();
      // Last: until here it says that it is leaving.
      await metrics?.close();
      log.info({ node: id }, 'node left');
    },
  };
}

/** What is not set is absent, not undefined. */
function ruleOf(set: Config['accounts'][number]['rule']): Rule {
  return Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined)) as unknown as Rule;
}

function nodeFigures(node: string, placement: Placement, partitions: ReadonlyMap<number, Partition<unknown>>, owners: ReadonlyMap<string, AccountOwner>, counts: object): Record<string, unknown> {
  const held = { sku: [], account: [], source: [], door: [] } as Record<string, string[]>;
  for (const unit of placement.held) {
    const dot = unit.indexOf('.');
    held[unit.slice(0, Math.max(0, dot))]?.push(unit.slice(dot + 1));
  }
  let hot = 0;
  let lag = 0;
  for (const partition of partitions.values()) {
    hot += partition.hot;
    lag += partition.lag;
  }
  let pending = 0;
  let busyPairs = 0;
  let watched = 0;
  for (const owner of owners.values()) {
    pending += owner.pending;
    busyPairs += owner.busyPairs;
    watched += owner.watched;
  }
  return {
    node,
    pid: process.pid,
    startedAt: Date.now() - Math.round(process.uptime() * 1000),
    partitions: held['sku']!.map(Number).sort((a, b) => a - b),
    accounts: held['account']!.sort(),
    sources: held['source']!.sort(),
    doors: held['door']!.sort(),
    ...counts,
    hot,
    lag,
    pending,
    busyPairs,
    watched,
    rssMb: Math.round(process.memoryUsage.rss() / 1e6),
  };
}
