/** Keeps the archive: one node of the cluster archives every journal, and tells people when it falls behind. */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import type { Concern } from '../../actors/reconciler/progress.ts';
import type { ArchiveConfig } from '../../config/archive.ts';
import { Alarms } from '../../runtime/alarms.ts';
import { Archiver } from '../../runtime/archive/archiver.ts';
import type { ArchiverFigures } from '../../runtime/archive/archiver.ts';
import { ArchiveError, prepare } from '../../runtime/archive/store.ts';
import type { ArchiveStore } from '../../runtime/archive/store.ts';
import { perform } from '../../runtime/perform.ts';
import type { Owned } from '../../runtime/placement.ts';
import type { Publisher } from '../../runtime/publisher.ts';
import type { Records } from '../../runtime/records.ts';
import { openArchive } from './open.ts';
import { archivedStreams } from './streams.ts';

interface KeeperPorts {
  nc: NatsConnection;
  publisher: Publisher;
  records: Records;
  log: Logger;
  archive: ArchiveConfig;
  now(): number;
}

const lookEveryMs = 2_000;

export class ArchiveKeeper implements Owned {
  readonly #p: KeeperPorts;
  readonly #alarms: Alarms;
  #store: ArchiveStore | undefined;
  #archivers: Archiver[] = [];
  /** Streams that cannot be archived until a person has looked, and why. */
  readonly #broken = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(ports: KeeperPorts) {
    this.#p = ports;
    this.#alarms = new Alarms({ ...ports, unit: 'archive', name: 'archive' });
  }

  get figures(): ArchiverFigures[] {
    return this.#archivers.map(({ figures }) => figures);
  }

  /** @throws {Error} when the store cannot be reached, or cannot be an archive */
  async start(): Promise<void> {
    const { archive, nc, log, now } = this.#p;
    this.#store = await openArchive(archive);
    try {
      await prepare(this.#store);
      await this.#alarms.load();
      for (const stream of archivedStreams) {
        const archiver = new Archiver({
          nc, log, now, stream,
          store: this.#store,
          everyMs: archive.everyMs,
          onBroken: error => this.#broke(stream, error),
          onMissing: (from, to) => { void this.#tellMissing(stream, from, to); },
        });
        this.#archivers.push(archiver);
        await archiver.start().catch((error: unknown) => {
          // The others go on.
          if (!(error instanceof ArchiveError)) throw error;
          this.#broke(stream, error);
        });
      }
    } catch (error) {
      await this.release();
      throw error;
    }
    this.#timer = setInterval(() => this.#alarms.look(this.#concerns(), now()), lookEveryMs);
    this.#timer.unref();
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#archivers.map(archiver => archiver.stop()));
    await this.#alarms.stop();
    this.#store?.close();
  }

  #broke(stream: string, error: ArchiveError): void {
    this.#p.log.error({ err: error, stream }, 'archive cannot go on');
    this.#broken.set(stream, error.message);
  }

  #concerns(): Concern[] {
    const { archive: { lateMs, store } } = this.#p;
    const late = this.figures.filter(({ lagMs, stream }) => lagMs > lateMs && !this.#broken.has(stream));
    const found: Concern[] = [];
    if (late.length > 0) {
      found.push({
        what: 'late', severity: 'high', measured: Math.max(...late.map(({ lagMs }) => lagMs)), promised: lateMs,
        action: late.map(({ stream, waiting, failing }) => `${waiting} messages of ${stream} are not in ${store}${failing === undefined ? '' : `: ${failing}`}`).join('; '),
      });
    }
    if (this.#broken.size > 0) {
      found.push({ what: 'broken', severity: 'high', measured: this.#broken.size, promised: 0, action: [...this.#broken].map(([stream, why]) => `${stream} is not archived: ${why}`).join('; ') });
    }
    return found;
  }

  async #tellMissing(stream: string, from: number, to: number): Promise<void> {
    const body = {
      class: 'archive', stream, from, to, at: Date.now(),
      message: `messages ${from} to ${to} of ${stream} left the broker before they were archived: nothing brings them back`,
      heals: 'nothing; look why the archive was behind (archive.lateMs, its alarms), then dismiss this',
    };
    await perform(this.#p.publisher, [{ to: ['dead', 'archive', stream, `${from}-${to}`], id: `dead:archive:${stream}:${from}-${to}`, body }])
      .catch((error: unknown) => this.#p.log.warn({ err: error, stream }, 'missing messages could not be told'));
  }
}
