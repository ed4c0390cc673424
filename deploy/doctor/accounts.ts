/** What `plumb doctor` finds of channel accounts: may we in, and does the rate keep what is promised. */
import { stat } from 'node:fs/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { proofAges } from '../../actors/reconciler/risk.ts';
import type { Config } from '../../config/config.ts';
import { loadLimits, withOwn } from '../../config/limits.ts';
import type { PromiseFigures } from '../../runtime/account/conformance.ts';
import { escapeKey, streams } from '../../runtime/subjects.ts';
import { adapters, profiles, tokenStoreFor } from '../channels.ts';
import { look } from '../probe/look.ts';
import { Session } from '../probe/session.ts';
import type { Finding } from './finding.ts';

type Account = Config['accounts'][number];

/** What the owner of an account says of it. */
interface Owned { node: string; state: unknown; listings: number; tokenExpiresAt?: number; proofBudget: { load: number; sweepMs: number }; promise?: PromiseFigures }

const answerMs = 2_000;
/** Of the read rate, beyond which there is little left for what changes. */
const muchLoad = 0.8;

/** @param asks whether channels are asked where no node keeps the account */
export async function examineAccounts(nc: NatsConnection, config: Config, asks: boolean): Promise<Finding[]> {
  const each = await Promise.all(config.accounts.map(async account => {
    const owned = await ownerSays(nc, account.account);
    return owned ? ownedFindings(config, account, owned) : freeFindings(nc, config, account, asks);
  }));
  return [...await folder(config), ...each.flat()];
}

/** Tokens that rotate are worth as much as passwords. */
async function folder({ secretsDir }: Config): Promise<Finding[]> {
  if (secretsDir === undefined) return [];
  try {
    const { mode } = await stat(secretsDir);
    if ((mode & 0o077) === 0) return [{ area: 'tokens', state: 'ok', told: `only this user reads ${secretsDir}` }];
    return [{ area: 'tokens', state: 'fail', told: `others may look into ${secretsDir} (mode ${(mode & 0o777).toString(8)})`, act: `chmod 700 ${secretsDir}` }];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [{ area: 'tokens', state: 'warn', told: `${secretsDir} is not there yet`, act: 'it is made with the first token; make sure that it outlives this machine\'s restarts' }];
    return [{ area: 'tokens', state: 'fail', told: `${secretsDir} cannot be looked at (${code})` }];
  }
}

async function ownerSays(nc: NatsConnection, account: string): Promise<Owned | undefined> {
  return (await nc.request(`inspect.channel.${account}`, '', { timeout: answerMs }).catch(() => undefined))?.json<Owned>();
}

function ownedFindings(config: Config, { account }: Account, { node, state, listings, tokenExpiresAt, proofBudget: { load, sweepMs }, promise: found }: Owned): Finding[] {
  const told = `${account}: ${JSON.stringify(state)} at node ${node}`;
  const token: Finding = state === 'unauthorised' ? { area: 'tokens', state: 'fail', told: `${account}: the channel refuses its token`, act: 'give a valid grant in the configuration and restart the nodes; nothing of its jobs is lost' }
    : state === 'serving' ? { area: 'tokens', state: 'ok', told: `${told}${tokenExpiresAt === undefined ? '' : `, its token ends ${new Date(tokenExpiresAt).toISOString()}`}` }
    : { area: 'tokens', state: 'warn', told, act: `plumb inspect channel ${account}; plumb resume ${account} ends a freeze` };
  return [token, rate(config, account, load, `${listings} listings, all read once in ${duration(sweepMs)}`), ...(found ? [promise(account, found)] : [])];
}

/** What a test listing showed of the account's writes. */
function promise(account: string, { listing, judged, failed, overdueMs }: PromiseFigures): Finding {
  const why = failed ? `: ${failed.why}` : '';
  if (!judged) return { area: 'promises', state: 'warn', told: `${account}: its test listing ${listing} was never looked at${why}`, act: `nats req control.channel.${account} 'probe <who>' looks now` };
  const told = `${account}: ${new Date(judged.at).toISOString()} ${judged.sku} showed its writes (${judged.kind}) to be ${judged.verdict}`;
  const broken = judged.checks.filter(({ held }) => !held).map(({ asks, told: seen }) => `${asks}? No: ${seen}`).join('; ');
  if (judged.verdict !== 'kept') return { area: 'promises', state: 'fail', told: `${told}: ${broken}`, act: 'plumb dead list --class promise; docs/exposure.md' };
  if (overdueMs > 86_400_000) return { area: 'promises', state: 'warn', told: `${told}, and it should have been looked at ${duration(overdueMs)} ago${why}`, act: `nats req control.channel.${account} 'probe <who>' looks now` };
  return { area: 'promises', state: 'ok', told };
}

async function freeFindings(nc: NatsConnection, config: Config, account: Account, asks: boolean): Promise<Finding[]> {
  const { timeScale, secretsDir, channels: { callMs }, reconcile: { maxProofAgeMs } } = config;
  const limits = withOwn(loadLimits(account.channel, timeScale), account.limits, timeScale);
  const tokens = tokenStoreFor(secretsDir, account);
  const adapter = adapters[account.channel]!(account, { now: Date.now, uuid: () => crypto.randomUUID(), tokens, timeScale });
  const { limit, cost, batch, each } = adapter.operations.read;
  const { perSecond, perDay = Infinity } = limits[limit]!;
  const listings = await listingsOf(nc, account.account);
  const lasting = Math.min(perSecond, perDay / 86_400);
  const onceMs = listings * (each ?? cost / batch) / lasting * 1_000;
  const load = onceMs / proofAges(maxProofAgeMs).plenty;
  const rates = rate(config, account.account, load, `${listings} listings that are linked, all read once in ${duration(onceMs)}, at the least: scarce ones are read more often`);
  if (!asks) return [{ area: 'tokens', state: 'warn', told: `${account.account}: no node keeps it, and channels are not asked` }, rates];
  const session = new Session({ account, adapter, profile: profiles[account.channel]!, limits, callMs, timeScale });
  try {
    const { checks } = await look(session, 1);
    const wrong = checks.filter(({ name, ok }) => !ok && name !== 'reads');
    const found = wrong.map(({ name, told }): Finding => ({ area: name === 'clock' ? 'clock' : 'tokens', state: 'fail', told: `${account.account}: ${name}: ${told}`, act: `plumb channel probe ${account.account} tells more` }));
    return [...(found.length > 0 ? found : [{ area: 'tokens', state: 'ok', told: `${account.account}: ${checks.find(({ name }) => name === 'token')?.told ?? 'let in'}` } satisfies Finding]), rates];
  } finally {
    session.close();
  }
}

async function listingsOf(nc: NatsConnection, account: string): Promise<number> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 10_000 });
  const info = await jsm.streams.info(streams.listings, { subjects_filter: `$KV.listing.${escapeKey(account)}.*` }).catch((error: { code?: number }) => {
    if (error.code === 10059) return undefined;
    throw error;
  });
  return Object.keys(info?.state.subjects ?? {}).length;
}

function rate({ reconcile: { maxProofAgeMs } }: Config, account: string, load: number, what: string): Finding {
  const share = `${Math.round(load * 100)} % of the read rate keeps the promised age of proof`;
  if (load <= muchLoad) return { area: 'rates', state: 'ok', told: `${account}: ${share}; ${what}` };
  const wanted = Math.ceil(proofAges(maxProofAgeMs).plenty * load / muchLoad / 1_000) * 1_000;
  return {
    area: 'rates', state: load > 1 ? 'fail' : 'warn', told: `${account}: ${load > 1 ? `the read rate cannot keep the promised age of proof, ${load.toFixed(1)} times as much would` : share}; ${what}`,
    act: `promise ${duration(wanted)} (reconcile.maxProofAgeMs: ${wanted}), or ask the channel for more and write it into the account's limits`,
  };
}

function duration(ms: number): string {
  for (const [unit, size] of [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000]] as const) if (ms >= 2 * size) return `${(ms / size).toFixed(1)} ${unit}`;
  return `${(ms / 1_000).toFixed(1)} s`;
}
