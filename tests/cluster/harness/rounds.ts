/** A round: nodes under load, faults one after the other as the seed has it, then rest, judgement and figures. */
import { Dice } from '../../../deploy/demo/dice.ts';
import type { ActorRecord } from '../../../runtime/actor.ts';
import { ownerOf } from '../../../runtime/placement.ts';
import { channelRecord, partitionCount, streams, unescapeKey } from '../../../runtime/subjects.ts';
import { judge, longestWait, look, owned, takeOver } from './audit.ts';
import type { Verdict } from './audit.ts';
import type { End } from './nodes.ts';
import { Strain } from './strain.ts';
import { Traffic } from './traffic.ts';
import type { World } from './world.ts';
import { eventually, pause } from './world.ts';

/**
 * `kill` and `all` are SIGKILL, of one node and of every node; `zombie` is SIGSTOP and SIGCONT; `drain` is SIGTERM;
 * `silence` and `reset` cut a node's link; `server` is SIGKILL of a broker server, `both` of one and a node with it.
 */
export type FaultKind = 'kill' | 'all' | 'zombie' | 'drain' | 'silence' | 'reset' | 'server' | 'both';

export interface Fault {
  kind: FaultKind;
  node: string;
  server: number;
  /** Since the one before was over. */
  afterMs: number;
  /** Until the killed are started again, the paused woken, the cut healed. */
  lastsMs: number;
  /** A drained node comes back as this version: `deploy/main.ts` of it. */
  main?: string;
}

/** A fault that happened. Times are epoch ms by the clock of this machine, which the broker shares. */
export interface Incident extends Fault {
  at: number;
  /** Partitions that the node owned then, all of them for `all` and `server`. */
  partitions: number[];
  end?: End;
  /** From the fault until each of the partitions was served again, ms. */
  takeOver: number[];
  /** The longest wait of a message of each of the partitions while the fault lasted, ms. */
  waits: number[];
  /** The longest wait of any message from the end of the fault until everything was in its place again, ms. */
  back: number;
  /** How long the machine stood still in that time, ms. */
  strain: number;
}

export interface Outcome {
  incidents: Incident[];
  verdict: Verdict;
  /** Partitions that no running node owned at the end. */
  unserved: number;
}

/** Draws order, victims and times. The same seed and wishes give the same schedule. */
export function schedule(seed: number, nodes: readonly string[], wanted: Partial<Record<FaultKind, number>>, servers = 1): Fault[] {
  const dice = new Dice(seed, 'schedule');
  const kinds = Object.entries(wanted).flatMap(([kind, count]) => Array.from({ length: count }, () => kind as FaultKind));
  for (let n = kinds.length - 1; n > 0; n--) {
    const other = dice.between(0, n);
    [kinds[n], kinds[other]] = [kinds[other]!, kinds[n]!];
  }
  return kinds.map(kind => ({
    kind,
    node: nodes[dice.between(0, nodes.length - 1)]!,
    server: dice.between(0, servers - 1),
    afterMs: dice.between(0, 1_200),
    // A killed node is back before others miss it, or long after; a paused or cut one is missed in any case.
    lastsMs: kind === 'kill' ? (dice.chance(0.3) ? dice.between(0, 800) : dice.between(4_500, 5_500))
      : kind === 'zombie' ? dice.between(4_500, 8_000)
      : kind === 'silence' || kind === 'reset' ? dice.between(4_500, 6_500)
      : kind === 'server' ? dice.between(500, 3_000)
      : dice.between(1_000, 4_500),
  }));
}

export function tell({ kind, node, server, afterMs, lastsMs }: Fault): string {
  const what = kind === 'all' ? 'every node' : kind === 'server' ? `server ${server}` : kind === 'both' ? `server ${server} and ${node}` : node;
  return `+${afterMs} ms ${kind} ${what} for ${lastsMs} ms`;
}

/**
 * Every partition is with the node where it belongs, and stored something within the last second, and since the fault
 * was over: the probes come five times as often.
 */
async function everyPartitionServes(world: World, since: number): Promise<boolean> {
  const limit = Math.max(since, performance.now() - 1_000);
  return all.every(partition => (world.history.stored.get(partition) ?? 0) > limit) && (await notServed(world)).length === 0;
}

/** Partitions that stored nothing of late, or are not with the node where they belong: what is known of each. */
async function notServed(world: World): Promise<string[]> {
  const running = world.nodes.filter(node => node.running).map(node => node.id);
  const now = performance.now();
  const epochs = await lastOfEach(world, 'KV_sku', '$KV.sku.*._epoch');
  return all.flatMap(partition => {
    const { text = '{}' } = epochs.get(`_$KV.sku.${partition}._epoch`) ?? {};
    const { owner } = JSON.parse(text) as { owner?: string };
    const wanted = ownerOf(`sku.${partition}`, running);
    const storedAt = world.history.stored.get(partition) ?? 0;
    return owner === wanted && storedAt > now - 1_000 ? [] : [`partition ${partition} belongs to ${wanted}, ${owner} has it, and stored something ${Math.round(now - storedAt)} ms ago`];
  });
}

const all = Array.from({ length: partitionCount }, (_, partition) => partition);

export async function run(world: World, faults: readonly Fault[], { seed, perSecond = 120 }: { seed: number; perSecond?: number }): Promise<Outcome> {
  const { js, jsm, nodes } = world;
  const traffic = new Traffic(js, seed);
  world.history.onRecord = ({ context: { sku, outlets } }) => {
    for (const [account, { intent, proof }] of Object.entries(outlets)) {
      if (intent && proof?.version !== intent.version) traffic.answer(sku, account, intent.signature, intent.quantity);
    }
  };
  const strain = new Strain();
  world.onEnd(() => {
    strain.stop();
    traffic.abandon();
  });
  await Promise.all(nodes.map(node => node.start()));
  await traffic.open();
  traffic.run(perSecond);
  const serving = async (): Promise<void> => {
    const since = performance.now();
    await eventually('every partition serves', 25_000, () => everyPartitionServes(world, since)).catch(async (error: Error) => {
      throw new Error(`${error.message}; ${(await notServed(world)).slice(0, 5).join('; ')}`);
    });
  };
  await serving();

  const struck: (Fault & { at: number; until: number; whole: number; end?: End })[] = [];
  for (const fault of faults) {
    await pause(fault.afterMs);
    const at = Date.now();
    const end = await strike(world, fault);
    const until = Date.now();
    await serving();
    struck.push({ ...fault, at, until, whole: Date.now(), ...(end && { end }) });
  }
  await traffic.stop();
  await eventually('everything is applied, and no timer or effect is left', 25_000, () => standsStill(world)).catch(async (error: Error) => {
    throw new Error(`${error.message}; ${(await restless(world)).slice(0, 3).join('; ')}`);
  });

  strain.stop();

  const picture = await look(js, jsm, world.history);
  const { bytes } = await records(world);
  for (const node of nodes) node.wake();
  const running = new Set(nodes.filter(node => node.running).map(node => node.id));
  return {
    verdict: judge(picture, bytes, traffic.acknowledged),
    unserved: all.filter(partition => !running.has(picture.epochs.get(partition)?.at(-1)?.owner ?? '')).length,
    incidents: struck.map(({ until, whole, ...fault }) => {
      const partitions = fault.kind === 'all' || fault.kind === 'server' || fault.kind === 'both' ? all : owned(picture, fault.node, fault.at);
      return {
        ...fault, partitions,
        takeOver: takeOver(picture, partitions, fault.at),
        waits: longestWait(picture, partitions, fault.at - 500, until),
        back: Math.max(...longestWait(picture, all, until, whole)),
        strain: strain.between(fault.at, whole),
      };
    }),
  };
}

async function strike(world: World, { kind, node: id, server, lastsMs, main }: Fault): Promise<End | undefined> {
  const node = world.node(id);
  const link = world.links[world.nodes.indexOf(node)];
  switch (kind) {
    case 'kill':
      await node.kill();
      await pause(lastsMs);
      await node.start();
      return undefined;
    case 'all':
      await Promise.all(world.nodes.map(each => each.kill()));
      await pause(lastsMs);
      await Promise.all(world.nodes.map(each => each.start()));
      return undefined;
    case 'zombie':
      node.pause();
      await pause(lastsMs);
      node.wake();
      return undefined;
    case 'drain': {
      const end = await node.drain();
      await pause(lastsMs);
      await node.start(main === undefined ? {} : { main });
      return end;
    }
    case 'silence':
    case 'reset':
      link!.cut(kind === 'silence' ? 'silent' : 'reset');
      await pause(lastsMs);
      link!.heal();
      return undefined;
    case 'server':
      await world.broker.kill(server);
      await pause(lastsMs);
      await world.broker.restart(server);
      return undefined;
    case 'both':
      await Promise.all([world.broker.kill(server), node.kill()]);
      await pause(lastsMs);
      await world.broker.restart(server);
      await node.start();
      return undefined;
  }
}

/** The timer of reservations that do not end: it comes again and again. */
const openTimer = 'open';

/** At rest, with its nodes paused, so that it stays so while it is looked at: the timer of an open order may come at any time. */
async function standsStill(world: World): Promise<boolean> {
  if (!await atRest(world)) return false;
  for (const node of world.nodes) node.pause();
  if (await atRest(world)) return true;
  for (const node of world.nodes) node.wake();
  return false;
}

/** Every message of the source is taken in, every record contains its whole journal, has performed what it asked for, and waits for nothing that a round ends with. */
async function atRest(world: World): Promise<boolean> {
  const last = await lastOfEach(world, 'SKU', 'sku.>');
  return last.size > 0 && (await restless(world, last)).length === 0;
}

/** What is not so. */
async function restless(world: World, last?: Map<string, { seq: number }>): Promise<string[]> {
  const { state } = await world.jsm.streams.info(streams.ingest);
  const [source] = (await lastOfEach(world, 'KV_channel', channelRecord.state('source.erp'))).values();
  const { seq: taken } = JSON.parse(source?.text ?? '{"seq":0}') as { seq: number };
  const { bytes } = await records(world);
  return [...taken < state.last_seq ? [`the source is taken in up to ${taken} of ${state.last_seq}`] : [], ...[...last ?? await lastOfEach(world, 'SKU', 'sku.>')].flatMap(([sku, { seq }]) => {
    const { applied = 0, outbox = [], due = {} } = JSON.parse(bytes.get(sku) ?? '{}') as Partial<ActorRecord>;
    if (applied !== seq) return [`${sku} has applied ${applied} of ${seq}`];
    if (outbox.length > 0) return [`${sku} has not performed ${outbox[0]!.id}`];
    return Object.entries(due).filter(([id]) => id !== openTimer).map(([id, { at }]) => `${sku} waits for ${id} at ${at}, now is ${Date.now()}`);
  })];
}

async function records(world: World): Promise<{ bytes: Map<string, string> }> {
  const last = await lastOfEach(world, 'KV_sku', '$KV.sku.>');
  return { bytes: new Map([...last].filter(([token]) => !token.startsWith('_')).map(([sku, { text }]) => [sku, text])) };
}

async function lastOfEach({ jsm }: World, stream: string, filter: string): Promise<Map<string, { seq: number; text: string }>> {
  const found = new Map<string, { seq: number; text: string }>();
  const replies = await jsm.direct.getLastMessagesFor(stream, { multi_last: [filter] }).catch(() => undefined);
  if (!replies) return found;
  for await (const message of replies) {
    const token = message.subject.slice(message.subject.lastIndexOf('.') + 1);
    found.set(token.startsWith('_') ? `_${message.subject}` : unescapeKey(token), { seq: message.seq, text: new TextDecoder().decode(message.data) });
  }
  return found;
}
