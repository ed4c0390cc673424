/** How a command reaches the nodes: `--nats`, else NATS_URL, else the local default. */
import { FailedError, UsageError } from './exit.ts';
import { tellRefusals } from './refusals.ts';
import { withoutPassword } from '../../config/secrets.ts';
import type { NatsConnection } from 'nats';

/** No server answers at an address. */
export class UnreachableError extends FailedError {}

export const defaultNatsUrl = 'nats://127.0.0.1:4222';

export function natsUrl(flag: string | undefined): string {
  return flag ?? process.env.NATS_URL ?? defaultNatsUrl;
}

/** Answers to a command come here: users of the broker have inboxes of their own, deploy/nats/accounts.conf. */
export const inboxPrefix = '_INBOX_cli';

/**
 * Keys and certificates as NATS_CREDS, NATS_NKEY, NATS_CA, NATS_CERT and NATS_KEY name them.
 *
 * @param stays comes back after a lost connection: for commands that run for days
 * @throws {FailedError} when no server answers there within 3 s
 */
export async function connectTo(url: string, name: string, stays = false): Promise<NatsConnection> {
  const { connect } = await import('nats');
  const { accessFrom, accessOptions, AccessError } = await import('../nats/access.ts');
  const { redialDelay } = await import('../../runtime/redial.ts');
  try {
    const nc = await connect({ ...accessOptions(accessFrom(process.env)), servers: url.split(','), name, inboxPrefix, timeout: 3_000, reconnect: stays, maxReconnectAttempts: -1, reconnectDelayHandler: redialDelay({ waitMs: 2_000 }) });
    void tellRefusals(nc, line => process.stderr.write(`plumb: ${line}\n`));
    return nc;
  } catch (cause) {
    if (cause instanceof AccessError) throw new UsageError(cause.message, { cause });
    if ((cause as Error).name === 'AuthorizationError') throw new FailedError(`the NATS server at ${withoutPassword(url)} does not let us in: give the file of your keys as NATS_CREDS or NATS_NKEY`, { cause });
    throw new UnreachableError(`no NATS server answers at ${withoutPassword(url)}: ${(cause as Error).message}\n  give its address with --nats or NATS_URL; npm start -- --keep prints the one of the demo`, { cause });
  }
}
