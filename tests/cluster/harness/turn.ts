/** Rounds measure time, so they take turns: test files run beside each other, rounds do not. */
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const path = join(tmpdir(), 'plumb-cluster.turn');

/** Resolves when no other round runs on this machine, whichever command started it; ends with the returned function. */
export async function myTurn(): Promise<() => void> {
  for (;;) {
    const end = await take();
    if (end) return end;
    // Waits until the other is gone: its end of the connection closes with it, however it ends.
    const gone = await new Promise<boolean>(resolve => {
      const socket = connect(path);
      socket.once('error', error => resolve((error as NodeJS.ErrnoException).code === 'ECONNREFUSED'));
      socket.once('close', () => resolve(false));
      socket.resume();
    });
    // It was killed and left its socket behind.
    if (gone) rmSync(path, { force: true });
  }
}

function take(): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', error => {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => {
      const waiting = new Set<import('node:net').Socket>();
      server.on('connection', socket => { waiting.add(socket); socket.on('error', () => {}); });
      resolve(() => {
        server.close();
        for (const socket of waiting) socket.destroy();
      });
    });
  });
}
