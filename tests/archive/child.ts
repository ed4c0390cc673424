/**
 * A process that archives one stream and is killed on the way: `node child.ts <JSON of Task>`. `phase` says how far the
 * upload of that number has come when SIGKILL hits: not begun, under way, or done and not known to be.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'nats';
import { pino } from 'pino';
import { openArchive } from '../../deploy/archive/open.ts';
import type { ArchiveAddress } from '../../deploy/archive/open.ts';
import { Archiver } from '../../runtime/archive/archiver.ts';
import { prepare } from '../../runtime/archive/store.ts';
import type { ArchiveStore } from '../../runtime/archive/store.ts';

export interface Task {
  nats: string;
  archive: ArchiveAddress;
  stream: string;
  everyMs: number;
  maxBytes: number;
  /** Ends by itself when so much is archived. */
  through: number;
  kill?: { upload: number; phase: 'before' | 'during' | 'after' };
}

const task = JSON.parse(process.argv[2]!) as Task;
const die = (): void => { process.kill(process.pid, 'SIGKILL'); };

function deadly(store: ArchiveStore, { upload, phase }: NonNullable<Task['kill']>): ArchiveStore {
  let uploads = 0;
  return {
    ...store,
    async putNew(name, bytes) {
      if (++uploads !== upload) return store.putNew(name, bytes);
      if (phase === 'before') die();
      const stored = store.putNew(name, bytes);
      // What was begun is on its way: a moment for the first bytes, none for the answer.
      if (phase === 'during') setTimeout(die, 1);
      const outcome = await stored;
      if (phase === 'after') die();
      return outcome;
    },
  };
}

const nc = await connect({ servers: task.nats });
const store = await openArchive(task.archive);
await prepare(store);
const archiver = new Archiver({
  nc, stream: task.stream, everyMs: task.everyMs, maxBytes: task.maxBytes, now: Date.now,
  store: task.kill ? deadly(store, task.kill) : store,
  log: pino({ level: 'error' }, pino.destination(2)),
  onBroken: error => {
    process.stderr.write(`${error.message}\n`);
    process.exit(3);
  },
});
await archiver.start();
while (archiver.figures.last < task.through) await sleep(20);
await archiver.stop();
process.stdout.write(JSON.stringify(archiver.figures));
await nc.close();
