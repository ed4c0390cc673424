/**
 * How far a partition has come, as its next owner finds it. Written by the owner of one epoch alone: it takes the
 * checkpoint over before it reads, and whoever had it before cannot write it from then on.
 */
import type { Logger } from 'pino';
import { PublishError } from './publisher.ts';
import { RecordError } from './records.ts';
import type { Records } from './records.ts';
import { skuPartition } from './subjects.ts';

export interface CheckpointPorts {
  records: Records;
  log: Logger;
  /** The partition is given up: who has the checkpoint does not matter any more. */
  signal: AbortSignal;
  /** Told when another owner has it. */
  onLost(reason: string): void;
}

/** `seq`: every message up to it is applied. `due`: the earliest due time of each key that has timers, epoch ms. */
interface Place { seq: number; due: Record<string, number> }
interface Stored extends Place { v: 1; epoch: number }

/** It names every key that has a timer; a broker takes this by default. */
const maxBytes = 1_000_000;

export class Checkpoint {
  readonly #partition: number;
  readonly #subject: string;
  readonly #ports: CheckpointPorts;
  #epoch = 0;
  #revision = 0;
  #complained = false;

  constructor(partition: number, ports: CheckpointPorts) {
    this.#partition = partition;
    this.#subject = skuPartition.checkpoint(partition);
    this.#ports = ports;
  }

  /**
   * Takes it over for this epoch.
   *
   * @throws {PublishError} when the broker does not answer
   */
  async takeOver(epoch: number): Promise<Place> {
    this.#epoch = epoch;
    for (;;) {
      const { value, revision } = await this.#ports.records.read<Stored>(this.#subject);
      const mine: Stored = { v: 1, epoch, seq: value?.seq ?? 0, due: value?.due ?? {} };
      try {
        this.#revision = await this.#ports.records.put(this.#subject, mine, revision, maxBytes);
        return mine;
      } catch (error) {
        if (!(error instanceof PublishError && error.isConflict)) throw error;
      }
    }
  }

  /** @returns whether it is stored; if not, a later one does as well */
  async write({ seq, due }: Place): Promise<boolean> {
    const { records, log, signal, onLost } = this.#ports;
    const mine: Stored = { v: 1, epoch: this.#epoch, seq, due };
    try {
      this.#revision = await records.put(this.#subject, mine, this.#revision, maxBytes);
      this.#complained = false;
      return true;
    } catch (error) {
      const stored = await records.get<Stored>(this.#subject).catch(() => undefined);
      if (stored?.value.epoch === this.#epoch) this.#revision = stored.revision; // Our own, whose answer was lost.
      else if (stored && !signal.aborted) onLost(`epoch ${stored.value.epoch} has the checkpoint`);
      if ((!stored || error instanceof RecordError) && !this.#complained) {
        this.#complained = true;
        log.warn({ err: error, partition: this.#partition }, 'checkpoint could not be written, trying on');
      }
      return false;
    }
  }
}
