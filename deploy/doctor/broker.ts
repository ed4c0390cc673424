/** What `plumb doctor` asks the broker: is it right, does it allow what a node does, has it room, and what time is it there. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamManager } from '@nats-io/jetstream';
import { createInbox, headers } from 'nats';
import type { NatsConnection } from 'nats';
import { pino } from 'pino';
import type { Config } from '../../config/config.ts';
import { encodeJson } from '../../runtime/codec.ts';
import { PublishError, Publisher } from '../../runtime/publisher.ts';
import { doctorSubject, streams } from '../../runtime/subjects.ts';
import { BrokerError, checkBroker, flushOf, skewMaxMs, storageOf } from '../checks.ts';
import { eachRefusal, refusalText } from '../nats/refusals.ts';
import { declared, mismatchOf } from '../streams.ts';
import { examineAccess } from './access.ts';
import type { Finding } from './finding.ts';

/** The inboxes of a node: what the doctor finds is what a node would. */
export const inboxPrefix = '_INBOX_node.doctor';

/** Beyond this, signatures of requests and windows of orders go wrong, ms. */
const skewWorstMs = 30_000;
/** Of the room that a server has. */
const fullShare = { warn: 0.8, fail: 0.95 } as const;

export async function examineBroker(nc: NatsConnection, config: Config, now: () => number): Promise<Finding[]> {
  const findings = [await version(nc), ...await examineAccess(nc, config, now()), ...await flush(config), ...await permissions(nc)];
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 3_000 });
  return [...findings, ...await streamFindings(jsm, config), ...await room(config), ...await stored(nc, jsm, now)];
}

async function version(nc: NatsConnection): Promise<Finding> {
  try {
    await checkBroker(nc, { monitoring: [], requireFlush: false }, pino({ level: 'silent' }));
    return { area: 'broker', state: 'ok', told: `nats-server ${nc.info!.version} at ${nc.getServer()}, messages of up to ${nc.info!.max_payload} bytes` };
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return { area: 'broker', state: 'fail', told: error.message, act: 'change the server\'s configuration, or the server; deploy/nats/cluster.conf is one that serves' };
  }
}

async function flush({ nats: { monitoring, requireFlush } }: Config): Promise<Finding[]> {
  if (monitoring.length === 0) return [{ area: 'flush', state: requireFlush ? 'fail' : 'warn', told: 'how the broker flushes is not known: nats.monitoring names no server', act: 'name the HTTP monitoring of each server in nats.monitoring' }];
  return Promise.all(monitoring.map(async (origin): Promise<Finding> => {
    try {
      const { server, syncMs } = await flushOf(origin);
      if (syncMs === 0) return { area: 'flush', state: 'ok', told: `${server} has on disk what it acknowledges` };
      return { area: 'flush', state: requireFlush ? 'fail' : 'warn', told: `${server} flushes every ${syncMs} ms: a power cut loses what was acknowledged since`, act: 'set "sync_interval: always" in its jetstream block' };
    } catch (error) {
      return { area: 'flush', state: 'warn', told: (error as Error).message, act: 'start that server, or mend its address' };
    }
  }));
}

/** What a node publishes; each would be refused as an old compare-and-set, or as empty: nothing is stored. */
const published = [
  'ingest._doctor', 'sku.0._doctor', 'attempt._doctor._doctor', 'drift.low._doctor._doctor', 'dead._doctor._doctor._doctor', 'exposure._doctor', 'ask._doctor._doctor',
  '$KV.sku.0._doctor', '$KV.channel._doctor._doctor', '$KV.listing._doctor._doctor', '$KV.settings._doctor', '$KV.member._doctor', '$KV.shadow._doctor._doctor', 'inspect.channel._doctor', 'control.channel._doctor',
  '$JS.API.STREAM.CREATE._doctor', '$JS.API.STREAM.INFO._doctor', '$JS.API.DIRECT.GET._doctor', '$JS.API.STREAM.MSG.GET._doctor', '$JS.API.CONSUMER.CREATE._doctor._doctor', '$JS.API.CONSUMER.DELETE._doctor._doctor',
];
/** What a node never does, of a stream and a node that there are not. */
const tooMuch = ['$JS.API.STREAM.DELETE._doctor', '$JS.API.STREAM.PURGE._doctor', '$JS.API.STREAM.UPDATE._doctor', '$JS.API.STREAM.MSG.DELETE._doctor', 'control.node._doctor'];
const heard = [`${inboxPrefix}.>`, 'control.node._doctor', 'inspect.sku._doctor', '$SRV.PING._doctor'];
/** No subject was ever written so often. */
const never = String(Number.MAX_SAFE_INTEGER);

async function permissions(nc: NatsConnection): Promise<Finding[]> {
  const refused = new Set<string>();
  void eachRefusal(nc, refusal => refused.add(refusalText(refusal)));
  const meta = headers();
  meta.set('Nats-Expected-Last-Subject-Sequence', never);
  const subscriptions = heard.map(subject => nc.subscribe(subject));
  for (const subject of [...published, ...tooMuch]) nc.publish(subject, '', { reply: createInbox(inboxPrefix), ...(!subject.startsWith('$JS.') && { headers: meta }) });
  await nc.flush();
  // What came before the answer to the flush is handed on by then.
  await new Promise(resolve => { setImmediate(resolve); });
  for (const subscription of subscriptions) subscription.unsubscribe();
  const also = tooMuch.filter(subject => !refused.delete(`to publish ${subject}`));
  const act = 'give nats.credentials of a node; deploy/nats/accounts.conf lists what one needs';
  return [
    ...(refused.size > 0 ? [{ area: 'permissions', state: 'fail', told: `the broker does not allow ${[...refused].join(', ')}`, act } satisfies Finding]
      : [{ area: 'permissions', state: 'ok', told: `all ${published.length + heard.length} kinds of subject that a node needs are allowed` } satisfies Finding]),
    // A broker that asks nobody who comes is told of as that.
    ...(also.length > 0 && nc.info!.auth_required ? [{ area: 'permissions', state: 'warn', told: `these keys allow more than a node needs: to publish ${also.join(', ')}`, act } satisfies Finding] : []),
  ];
}

async function streamFindings(jsm: JetStreamManager, { nats: { replicas } }: Config): Promise<Finding[]> {
  const looks = await Promise.all(declared.map(async wanted => {
    try {
      const { config, cluster } = await jsm.streams.info(wanted.name);
      return { name: wanted.name, mismatch: mismatchOf(config, { ...wanted, num_replicas: replicas }), behind: cluster?.replicas?.filter(({ current, offline }) => !current || offline).map(({ name }) => name) ?? [] };
    } catch (error) {
      if ((error as { code?: number }).code === 10059) return { name: wanted.name, missing: true };
      return { name: wanted.name, mismatch: `stream ${wanted.name} cannot be asked: ${(error as Error).message}` };
    }
  }));
  const missing = looks.filter(look => look.missing).map(({ name }) => name);
  const wrong = looks.flatMap(({ mismatch }) => mismatch ?? []);
  const behind = looks.flatMap(({ name, behind = [] }) => behind.map(server => `${name} at ${server}`));
  if (missing.length === declared.length) return [{ area: 'streams', state: 'warn', told: 'there are none yet', act: 'start a node: it makes them' }];
  const findings: Finding[] = [
    ...(missing.length > 0 ? [{ area: 'streams', state: 'fail', told: `missing: ${missing.join(', ')}`, act: 'what they held is gone. Stop the nodes, and restore or rebuild it before one makes them anew, empty' } satisfies Finding] : []),
    ...wrong.map((told): Finding => ({ area: 'streams', state: 'fail', told })),
    ...(behind.length > 0 ? [{ area: 'streams', state: 'warn', told: `a copy is behind or away: ${behind.join(', ')}`, act: 'look at that server; with a second one away nothing is stored' } satisfies Finding] : []),
  ];
  return findings.length > 0 ? findings : [{ area: 'streams', state: 'ok', told: `all ${declared.length} are as declared, ${replicas === 1 ? 'one copy each: a lost disk loses them' : `${replicas} copies each`}` }];
}

async function room({ nats: { monitoring } }: Config): Promise<Finding[]> {
  const asked = await Promise.allSettled(monitoring.map(storageOf));
  return asked.flatMap((answer): Finding[] => {
    if (answer.status === 'rejected') return [];
    const { server, used, most } = answer.value;
    const share = used / most;
    const told = `${server} has used ${Math.round(share * 100)} % of ${(most / 2 ** 30).toFixed(1)} GiB for streams`;
    if (share < fullShare.warn) return [{ area: 'disk', state: 'ok', told }];
    return [{ area: 'disk', state: share < fullShare.fail ? 'warn' : 'fail', told, act: 'raise max_file_store, or put the store on a larger disk; docs/sizing.md tells what a day takes' }];
  });
}

/** Stores one record of its own: whether that works, and when the broker says it was. */
async function stored(nc: NatsConnection, jsm: JetStreamManager, now: () => number): Promise<Finding[]> {
  const publisher = new Publisher(nc, inboxPrefix);
  try {
    const from = now();
    await publisher.publish(doctorSubject, encodeJson({ at: from }));
    const to = now();
    const message = await jsm.direct.getMessage(streams.channelRecords, { last_by_subj: doctorSubject });
    const at = message!.time.getTime();
    const skewMs = at < from ? from - at : at > to ? to - at : 0;
    const told = skewMs === 0 ? 'this machine and the broker agree' : `this machine is ${Math.abs(skewMs)} ms ${skewMs > 0 ? 'ahead of' : 'behind'} the broker`;
    return [{ area: 'disk', state: 'ok', told: 'a record was stored and read back' }, Math.abs(skewMs) <= skewMaxMs ? { area: 'clock', state: 'ok', told } : {
      area: 'clock', state: Math.abs(skewMs) <= skewWorstMs ? 'warn' : 'fail', told, act: 'run NTP on both: tokens, signatures of requests and waits go by the wall clock',
    }];
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    // Without streams nobody takes it, and that is told already.
    if (error.code === 503) return [];
    return [{ area: 'disk', state: 'fail', told: `nothing can be stored: ${error.message}`, act: error.isUnknown ? 'is JetStream without a leader, or is this not allowed?' : 'make room: the broker refuses what it cannot keep' }];
  } finally {
    publisher.close();
  }
}
