/** How a process proves to the broker who it is, and knows the broker: keys and certificates, each in a file. */
import { readFileSync } from 'node:fs';
import { credsAuthenticator, nkeyAuthenticator } from 'nats';
import type { ConnectionOptions } from 'nats';

/** Paths of files. */
export interface Access {
  /** A `.creds` file (JWT and seed), or one that holds the seed of a user's nkey. */
  credentials?: string | undefined;
  /** `ca`: whose certificate the broker must have. `cert` and `key`: ours, where the broker asks for it. */
  tls?: { ca?: string | undefined; cert?: string | undefined; key?: string | undefined } | undefined;
}

/** A file of keys cannot be used; the message names it, and nothing of what it holds. */
export class AccessError extends Error {
  override readonly name = 'AccessError';
}

/**
 * For `connect`. A file of credentials is read again at each connection, so that it can be replaced.
 *
 * @throws {AccessError}
 */
export function accessOptions({ credentials, tls }: Access): Pick<ConnectionOptions, 'authenticator' | 'tls'> {
  const files = Object.entries(tls ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    ...(credentials !== undefined && { authenticator: authenticatorOf(credentials) }),
    ...(tls && { tls: Object.fromEntries(files.map(([kind, path]) => [kind, read(path)])) }),
  };
}

/** By the names that the `nats` CLI knows them by. */
export function accessFrom({ NATS_CREDS, NATS_NKEY, NATS_CA, NATS_CERT, NATS_KEY }: NodeJS.ProcessEnv): Access {
  return {
    credentials: NATS_CREDS ?? NATS_NKEY,
    ...((NATS_CA ?? NATS_CERT) !== undefined && { tls: { ca: NATS_CA, cert: NATS_CERT, key: NATS_KEY } }),
  };
}

function authenticatorOf(path: string): NonNullable<ConnectionOptions['authenticator']> {
  const text = read(path);
  if (text.includes('BEGIN NATS USER JWT')) return credsAuthenticator(() => Buffer.from(read(path)));
  if (seed.test(text)) return nkeyAuthenticator(() => Buffer.from(seed.exec(read(path))![0]));
  throw new AccessError(`${path}: holds neither a user's JWT with its seed (.creds) nor the seed of a user's nkey (SU…)`);
}

const seed = /\bSU[A-Z2-7]{56}\b/;

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new AccessError(`${path}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
}
