/** `plumb doctor`: looks at all that a node rests on, changes nothing but one record of its own, and says what to do. */
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import type { Config } from '../../config/config.ts';
import { ConfigError } from '../../config/file.ts';
import type { ConfigFile } from '../../config/file.ts';
import { withoutPassword } from '../../config/secrets.ts';
import { ingestSubject, streams } from '../../runtime/subjects.ts';
import { advice, checkConfig } from '../config/check.ts';
import { accessOptions } from '../nats/access.ts';
import { examineAccounts } from './accounts.ts';
import { examineBroker, inboxPrefix } from './broker.ts';
import type { Finding } from './finding.ts';

export interface DoctorPorts {
  /** This machine's clock. */
  now(): number;
  /** Whether channels are asked where no node keeps the account. */
  asksChannels: boolean;
}

export async function examine(file: ConfigFile, { now, asksChannels }: DoctorPorts): Promise<Finding[]> {
  const { config } = file;
  const findings = configuration(file);
  if (findings.some(({ state }) => state === 'fail')) return findings;
  let nc: NatsConnection;
  try {
    nc = await connect({ ...accessOptions(config.nats), servers: config.nats.url.split(','), name: 'plumb doctor', inboxPrefix, timeout: 3_000, reconnect: false });
  } catch (error) {
    const isStranger = (error as Error).name === 'AuthorizationError';
    return [...findings, {
      area: isStranger ? 'permissions' : 'broker', state: 'fail', told: `${withoutPassword(config.nats.url)}: ${(error as Error).message}`,
      act: isStranger ? 'give the file of this node\'s keys as nats.credentials' : 'start nats-server, or mend nats.url, nats.tls and what stands between',
    }];
  }
  try {
    return [...findings, ...await examineBroker(nc, config, now), await nodes(nc), ...await sources(nc, config, now), ...await examineAccounts(nc, config, asksChannels)];
  } finally {
    await nc.close();
  }
}

function configuration(file: ConfigFile): Finding[] {
  try {
    checkConfig(file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split('\n').map(told => ({ area: 'configuration', state: 'fail', told }));
  }
  const { accounts, sources } = file.config;
  return [{ area: 'configuration', state: 'ok', told: `${file.file}: ${accounts.length} accounts, ${sources.length} sources` }, ...advice(file).map((told): Finding => ({ area: 'configuration', state: 'warn', told }))];
}

async function nodes(nc: NatsConnection): Promise<Finding> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 3_000 });
  const info = await jsm.streams.info(streams.members, { subjects_filter: '$KV.member.>' }).catch(() => undefined);
  const names = Object.keys(info?.state.subjects ?? {}).map(subject => subject.slice('$KV.member.'.length)).sort();
  if (names.length === 0) return { area: 'nodes', state: 'warn', told: 'none is running', act: 'plumb node --config <file>' };
  return { area: 'nodes', state: 'ok', told: `${names.join(', ')}${names.length === 1 ? ': one alone, a second takes over when it fails' : ''}` };
}

async function sources(nc: NatsConnection, config: Config, now: () => number): Promise<Finding[]> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 3_000 });
  return Promise.all(config.sources.map(async ({ source, rhythm }): Promise<Finding> => {
    const last = await jsm.direct.getMessage(streams.ingest, { last_by_subj: ingestSubject(source) }).catch(() => null);
    if (!last) return { area: 'sources', state: 'warn', told: `${source} has said nothing within 30 days`, act: `let it send to ${ingestSubject(source)}: docs/ingest.md, docs/doors.md` };
    const silentMs = now() - last.time.getTime();
    const told = `${source} spoke ${Math.max(0, Math.round(silentMs / 1_000))} s ago`;
    if (typeof rhythm === 'object' && silentMs > rhythm.everyMs) return { area: 'sources', state: 'warn', told: `${told}, and is to speak every ${rhythm.everyMs / 1_000} s`, act: 'look at the system that sends, and at what stands between' };
    return { area: 'sources', state: 'ok', told };
  }));
}
