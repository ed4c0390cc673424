/** `plumb inspect`: asks the nodes, over NATS, what they know now. */
import { Command } from 'commander';
import { connectTo, natsUrl } from './connection.ts';
import { FailedError, UsageError } from './exit.ts';
import type { NatsConnection } from 'nats';

interface InspectOptions { nats?: string; json?: boolean }

const subjects = {
  sku: 'stock, reservations, and what each channel should show and was proven to show',
  channel: 'pending writes by lane, budgets, throttles and token of a channel account',
  node: 'what a node owns and how busy it is',
} as const;

export function inspectCommand(): Command {
  const inspect = new Command('inspect').description('Asks the running nodes what they know now; needs a NATS server.');
  for (const [kind, what] of Object.entries(subjects)) {
    inspect.command(`${kind} <id>`)
      .description(`Shows ${what}.`)
      .option('--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)')
      .option('--json', 'one line of JSON, for scripts')
      .action((id: string, options: InspectOptions) => inspectOne(kind, id, options));
  }
  return inspect;
}

async function inspectOne(kind: string, id: string, options: InspectOptions): Promise<void> {
  const { escapeKey } = await import('../../runtime/subjects.ts');
  let token: string;
  try {
    token = escapeKey(id);
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
  const connection = await connectTo(natsUrl(options.nats), 'plumb inspect');
  try {
    const answer = await ask(connection, `inspect.${kind}.${token}`);
    if (options.json) process.stdout.write(`${JSON.stringify(answer)}\n`);
    else process.stdout.write((await import('yaml')).stringify(answer));
  } finally {
    await connection.close();
  }
}

/** @throws {FailedError} when nobody answers within 3 s, or the answer is that there is no such thing */
async function ask(connection: NatsConnection, subject: string): Promise<unknown> {
  const { RequestError } = await import('nats');
  const reply = await connection.request(subject, '', { timeout: 3_000 }).catch((cause: Error) => {
    const none = cause instanceof RequestError && cause.isNoResponders();
    throw new FailedError(none ? `no node answers ${subject}: unknown, or no node is running` : `no answer to ${subject}: ${cause.message}`, { cause });
  });
  const error = reply.headers?.get('Nats-Service-Error');
  if (error) throw new FailedError(`${subject}: ${error}`);
  const answer = reply.json<{ error?: string } | null>();
  if (typeof answer?.error === 'string') throw new FailedError(`${subject}: ${answer.error}`);
  return answer;
}
