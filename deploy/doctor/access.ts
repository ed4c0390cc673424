/** What `plumb doctor` says of who can read along, and of who is let in. */
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { connect as dial, isIP } from 'node:net';
import { connect as secure } from 'node:tls';
import type { NatsConnection } from 'nats';
import type { Config } from '../../config/config.ts';
import type { Finding } from './finding.ts';

/** A certificate is renewed before so much is left of it, ms. */
const renewMs = 30 * 86_400_000;
const answerMs = 3_000;
const guide = 'plumb keys makes what is wanted, deploy/nats/guarded.conf takes it: docs/security.md';

export async function examineAccess(nc: NatsConnection, { nats }: Config, now: number): Promise<Finding[]> {
  const { tls_required: required = false, tls_available: available = false, auth_required: asks = false } = nc.info!;
  const isHere = /^(127\.|localhost:|\[?::1)/.test(nc.getServer());
  const open = (area: Finding['area'], told: string): Finding => (isHere ? { area, state: 'ok', told: `${told}, on this machine` } : { area, state: 'warn', told, act: guide });
  const isEncrypted = required || (available && nats.tls !== undefined);
  return [
    ...(isEncrypted ? await certificates(nats, now) : [open('tls', 'the connection to the broker is not encrypted: whoever is between can read and change what is said')]),
    ...(asks ? [] : [open('permissions', 'the broker asks nobody who comes: whoever reaches it may do everything')]),
  ];
}

/** Of each server that is named. */
async function certificates({ url, tls }: Config['nats'], now: number): Promise<Finding[]> {
  const ca = tls?.ca === undefined ? undefined : await readFile(tls.ca);
  return Promise.all(url.split(',').map(async (each): Promise<Finding> => {
    const { hostname, port, host } = new URL(each.includes('://') ? each : `nats://${each}`);
    try {
      const until = await certificateEnd(hostname, Number(port || 4222), ca);
      const told = `encrypted: the certificate of ${host} is good until ${new Date(until).toISOString().slice(0, 10)}`;
      return until - now > renewMs ? { area: 'tls', state: 'ok', told } : { area: 'tls', state: 'warn', told, act: 'make the next one (docs/deployment.md), and nats-server --signal reload' };
    } catch (error) {
      return { area: 'tls', state: 'warn', told: `${host}: its certificate cannot be looked at: ${(error as Error).message}`, act: 'start that server, or mend its certificate' };
    }
  }));
}

/** The server speaks first, and in clear. @returns epoch ms */
async function certificateEnd(host: string, port: number, ca: Buffer | undefined): Promise<number> {
  const signal = AbortSignal.timeout(answerMs);
  const plain = dial(port, host);
  try {
    await once(plain, 'data', { signal });
    const socket = secure({ socket: plain, ca, ...(isIP(host) ? { host } : { servername: host }) });
    await once(socket, 'secureConnect', { signal });
    return Date.parse(socket.getPeerCertificate().valid_to);
  } finally {
    plain.destroy();
  }
}
