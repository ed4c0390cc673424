/**
 * Journals against records, all the time: one partition after the other is folded again, and a record that is not what
 * its journal says is told as a task, until a later pass finds it right.
 */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import { OwnedRecord } from '../runtime/owned-record.ts';
import { perform } from '../runtime/perform.ts';
import type { Owned } from '../runtime/placement.ts';
import type { Publisher } from '../runtime/publisher.ts';
import type { Records } from '../runtime/records.ts';
import { channelRecord, keyFor, partitionCount, partitionOf } from '../runtime/subjects.ts';
import { NoSettingsError, verifyOne } from './replay.ts';
import type { Parted } from './replay.ts';

interface AuditRecord {
  v: 1;
  /** The partition that is looked at next, and when all had been last, epoch ms. */
  next: number;
  wholeAt?: number;
  /** SKUs that were told of, with the id of the letter. */
  open: Record<string, string>;
}

interface AuditPorts { nc: NatsConnection; publisher: Publisher; records: Records; log: Logger; everyMs: number }

/** Places named in a letter. */
const shownMost = 3;

export class Audit implements Owned {
  readonly #p: AuditPorts;
  readonly #record: OwnedRecord<AuditRecord>;
  #state: AuditRecord = { v: 1, next: 0, open: {} };
  #timer: NodeJS.Timeout | undefined;
  #underway: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(ports: AuditPorts) {
    this.#p = ports;
    this.#record = new OwnedRecord(ports.records, channelRecord.state('audit'), reason => {
      ports.log.warn({ reason }, 'journals are compared elsewhere');
      void this.release();
    });
  }

  /** Goes on where the last owner was. */
  async start(): Promise<void> {
    this.#state = await this.#record.load() ?? this.#state;
    this.#later();
  }

  async release(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    await this.#underway;
  }

  #later(): void {
    if (this.#isOver) return;
    this.#timer = setTimeout(() => {
      this.#underway = this.#look().catch((error: unknown) => {
        if (!(error instanceof NoSettingsError)) this.#p.log.warn({ err: error }, 'journals could not be compared with their records, trying again');
      }).finally(() => this.#later());
    }, this.#p.everyMs);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { nc } = this.#p;
    const { next: partition, open } = this.#state;
    const { parted } = await verifyOne(nc, partition);
    if (this.#isOver) return;
    const found = new Map(parted.map(each => [each.sku, each]));
    const still = new Map(Object.entries(open));
    for (const [sku, each] of found) if (!still.has(sku)) still.set(sku, await this.#tell(each));
    for (const [sku, id] of still) {
      if (found.has(sku) || partitionOf(sku) !== partition) continue;
      await this.#tellOver(sku, id);
      still.delete(sku);
    }
    const next = (partition + 1) % partitionCount;
    this.#state = { ...this.#state, next, open: Object.fromEntries(still), ...(next === 0 && { wholeAt: Date.now() }) };
    await this.#record.save(() => this.#state);
  }

  async #tell({ sku, applied, differences }: Parted): Promise<string> {
    const { publisher, log } = this.#p;
    const id = `dead:parted:${sku}:${applied}`;
    const where = differences.slice(0, shownMost).map(({ path, stored, folded }) => `${path} is ${JSON.stringify(stored)} and should be ${JSON.stringify(folded)}`).join('; ');
    log.error({ sku, applied, where }, 'a record is not the fold of its journal');
    const body = {
      class: 'parted', sku, applied, at: Date.now(),
      message: `the record of ${sku} is not what its journal says at message ${applied}: ${where}${differences.length > shownMost ? '; …' : ''}`,
      heals: `look at plumb replay ${sku} --diff; a record that is deleted (nats kv del sku <partition>.<SKU>) is made again from its journal`,
    };
    await perform(publisher, [{ to: letterOf(sku), id, body }]);
    return id;
  }

  async #tellOver(sku: string, id: string): Promise<void> {
    const body = { class: 'parted', sku, resolved: true, how: 'healed', by: 'a record that is the fold of its journal', at: Date.now() };
    await perform(this.#p.publisher, [{ to: letterOf(sku), id: `${id}:resolved`, body }]);
  }
}

const letterOf = (sku: string): string[] => ['dead', 'parted', 'audit', keyFor(sku)];
