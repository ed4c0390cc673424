/** How a command reaches the nodes: `--nats`, else NATS_URL, else the local default. */
import { FailedError } from './exit.ts';
import type { NatsConnection } from 'nats';

export const defaultNatsUrl = 'nats://127.0.0.1:4222';

export function natsUrl(flag: string | undefined): string {
  return flag ?? process.env.NATS_URL ?? defaultNatsUrl;
}

/** @throws {FailedError} when no server answers there within 3 s */
export async function connectTo(url: string, name: string): Promise<NatsConnection> {
  const { connect } = await import('nats');
  try {
    return await connect({ servers: url.split(','), name, timeout: 3_000, reconnect: false });
  } catch (cause) {
    throw new FailedError(`no NATS server answers at ${url}: ${(cause as Error).message}\n  give its address with --nats or NATS_URL; npm start -- --keep prints the one of the demo`, { cause });
  }
}
