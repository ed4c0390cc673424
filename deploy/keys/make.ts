/**
 * Makes what deploy/nats/guarded.conf and deploy/plumb.yaml name: a pair of keys for each user of the broker, and a
 * certificate for the brokers. What is there already is left as it is, so that one file can be renewed by removing it.
 */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nkeys } from 'nats';
import { issue, newAuthority } from './certificate.ts';
import type { Certified, Validity } from './certificate.ts';

/** Users that deploy/nats/accounts.conf names, beside sources. */
export const users = ['node', 'operator', 'rebuild', 'ops'] as const;

/** Names of compose and Kubernetes, and this machine's own. */
export const brokerHosts = ['nats-0.nats', 'nats-1.nats', 'nats-2.nats', 'localhost', '127.0.0.1'] as const;

export interface KeysOptions {
  folder: string;
  /** Systems that send messages, each a user. */
  sources: readonly string[];
  /** Names and addresses of the brokers. */
  hosts: readonly string[];
  now: Date;
}

const day = 86_400_000;
const authorityDays = 3_650;
const brokerDays = 730;

/** A file that is wanted is not there; the message names it. */
export class KeysError extends Error {
  override readonly name = 'KeysError';
}

/**
 * @returns names of files that were made; the public halves of all users are written anew
 * @throws {KeysError} when a certificate is to be made, and the authority's key lies elsewhere
 */
export async function makeKeys({ folder, sources, hosts, now }: KeysOptions): Promise<string[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const made: string[] = [];
  const there = (name: string): Promise<string | undefined> => readFile(join(folder, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  const put = async (name: string, text: string, mode = 0o600): Promise<void> => {
    await writeFile(join(folder, name), text, { mode });
    made.push(name);
  };
  const certify = async (name: string, { key, cert }: Certified): Promise<void> => {
    // The certificate last: what is broken off before is begun again.
    await put(`${name}.key`, key);
    await put(`${name}.pem`, cert, 0o644);
  };
  const lasting = (days: number): Validity => ({ from: new Date(now.getTime() - day), until: new Date(now.getTime() + days * day) });

  const lines: string[] = [];
  for (const user of [...users, ...sources]) {
    let seed = await there(`${user}.nk`);
    if (seed === undefined) await put(`${user}.nk`, seed = `${new TextDecoder().decode(nkeys.createUser().getSeed())}\n`);
    lines.push(`${variableOf(user)}=${nkeys.fromSeed(Buffer.from(seed.trim())).getPublicKey()}\n`);
  }
  if (await there('ca.pem') === undefined) await certify('ca', newAuthority('Plumb brokers', lasting(authorityDays)));
  if (await there('broker.pem') === undefined) {
    const [cert, key] = [await there('ca.pem'), await there('ca.key')];
    if (key === undefined) throw new KeysError(`${join(folder, 'ca.key')} is not there, and broker.pem is to be signed by it: put it back, or remove ca.pem for a new authority`);
    await certify('broker', issue({ cert: cert!, key }, { name: hosts[0]!, hosts, validity: lasting(brokerDays) }));
  }
  await writeFile(join(folder, 'nats.env'), lines.join(''));
  return made;
}

/** As deploy/nats/accounts.conf asks for a user's key. */
export function variableOf(user: string): string {
  return `PLUMB_${user.toUpperCase().replaceAll('-', '_')}_NKEY`;
}
