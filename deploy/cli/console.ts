/** `plumb console`: the page that ops open every morning, served beside whatever nodes there are. */
import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { connectTo, natsUrl } from './connection.ts';
import { FailedError } from './exit.ts';
import { number } from './numbers.ts';

interface ConsoleFlags { nats?: string; host: string; port: number; actions?: boolean }

export const defaultConsolePort = 7070;

export function consoleCommand(): Command {
  return new Command('console')
    .description('Serves a web page that shows what is sold where, what is not in sync and why, and what waits for a person.')
    .option('--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)')
    .option('--host <address>', 'where to listen; whoever reaches it can read everything', '127.0.0.1')
    .option('--port <port>', '0 takes a free one', number({ least: 0, most: 65_535, whole: true }), defaultConsolePort)
    .option('--actions', 'buttons: retry, dismiss, release, drop, freeze, drain, resume; they ask for a token')
    .addHelpText('after', `
Environment: PLUMB_CONSOLE_TOKEN is the token of --actions; without it one is made up and printed.
Elsewhere than on loopback put a proxy that asks for a name in front: docs/console.md.`)
    .action(serve);
}

async function serve({ nats, host, port, actions }: ConsoleFlags): Promise<void> {
  const { pino } = await import('pino');
  const { openConsole } = await import('../console/server.ts');
  const log = pino({ name: 'console', level: process.env['LOG_LEVEL'] ?? 'warn' }, pino.destination(2));
  const token = actions ? process.env['PLUMB_CONSOLE_TOKEN'] || madeUpToken() : undefined;
  const connection = await connectTo(natsUrl(nats), 'plumb console', true);
  try {
    const running = await openConsole(connection, { host, port, token }, log).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE' || cause.code === 'EADDRNOTAVAIL' || cause.code === 'EACCES') throw new FailedError(`cannot listen on ${host}:${port}: ${cause.message}`, { cause });
      throw cause;
    });
    process.stdout.write(`${running.url}\n`);
    if (token !== undefined && !process.env['PLUMB_CONSOLE_TOKEN']) process.stdout.write(`token for its buttons: ${token}\n`);
    await Promise.race([connection.closed(), new Promise(resolve => { for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve); })]);
    await running.close();
  } finally {
    await connection.close();
  }
}

/** Enough that nobody guesses it. */
export function madeUpToken(): string {
  return randomBytes(18).toString('base64url');
}
