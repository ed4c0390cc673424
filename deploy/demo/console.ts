/** The console of a demo that is kept running: beside its nodes, at the usual port where that is free. */
import type { NatsConnection } from 'nats';
import { pino } from 'pino';
import { defaultConsolePort, madeUpToken } from '../cli/console.ts';
import { openConsole } from '../console/server.ts';
import type { RunningConsole } from '../console/server.ts';
import type { Mood } from './format.ts';
import type { Lifetime } from './lifetime.ts';

/** Where it is, and what its buttons ask for. */
export interface ServedConsole { url: string; token: string }

export async function serveConsole(nc: NatsConnection, lifetime: Lifetime, announce: (text: string, mood?: Mood) => void): Promise<ServedConsole> {
  const token = madeUpToken();
  const open = (port: number): Promise<RunningConsole> => openConsole(nc, { host: '127.0.0.1', port, token }, pino({ level: 'silent' }));
  const running = await open(defaultConsolePort).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    return open(0);
  });
  lifetime.defer(() => running.close());
  announce(`the console is at ${running.url}`, 'good');
  return { url: running.url, token };
}
