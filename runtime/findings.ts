/** The open findings of one account: kept in its record bucket, closed by proof, told as drift alerts. */
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import type { AnyMachineSnapshot } from 'xstate';
import type { Reading } from '../actors/channel/adapter.ts';
import type { Effect } from '../actors/effect.ts';
import type { Judgement } from '../actors/reconciler/drift.ts';
import { findingMachine } from '../actors/reconciler/machine.ts';
import type { Pair } from '../actors/reconciler/proof.ts';
import type { Finding, FindingEvent } from '../actors/reconciler/protocol.ts';
import type { Outlet } from '../actors/sku/protocol.ts';
import type { PublishEffect } from './actor.ts';
import { perform } from './perform.ts';
import type { Publisher } from './publisher.ts';
import { PublishError } from './publisher.ts';
import type { Records } from './records.ts';
import { digest } from './signature.ts';
import { stepper } from './step.ts';
import type { Snapshot } from './step.ts';
import { channelRecord, skuSubject } from './subjects.ts';

interface FindingsPorts {
  account: string;
  nc: NatsConnection;
  publisher: Publisher;
  records: Records;
  log: Logger;
}

interface FindingsRecord { v: 1; findings: Record<string, Snapshot<Finding>>; outbox: PublishEffect[] }

const machine = stepper<Finding>(findingMachine);

const again = (version: number, observed: number): FindingEvent => ({ type: 'observed.again', version, observed });
const decided = (signature: string): FindingEvent => ({ type: 'repair.decided', signature });
const proven = (quantity: number, at: number, by: 'write' | 'read'): FindingEvent => ({ type: 'proven', quantity, at, by });

export class Findings {
  readonly #p: FindingsPorts;
  readonly #bySku = new Map<string, AnyMachineSnapshot>();
  /** Sequence applied to each SKU's record, as last seen. */
  readonly #applied = new Map<string, number>();
  #outbox: PublishEffect[] = [];
  #revision = 0;
  /** Changes are stored one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(ports: FindingsPorts) {
    this.#p = ports;
  }

  get open(): number {
    return this.#bySku.size;
  }

  /** Takes over what the former owner had found, and tells again what it may not have told. */
  async load(): Promise<void> {
    const stored = await this.#p.records.get<FindingsRecord>(channelRecord.findings(this.#p.account));
    if (!stored) return;
    this.#revision = stored.revision;
    for (const [sku, snapshot] of Object.entries(stored.value.findings)) this.#bySku.set(sku, machine.restore(snapshot));
    await perform(this.#p.publisher, stored.value.outbox);
  }

  /**
   * A reading was judged to be drift. Told only when the SKU has applied everything its journal holds: a sale that
   * is still on its way into the record explains the difference.
   *
   * @param repair asks the SKU for a repair under the finding's id
   */
  async found(pair: Pair, reading: Reading, judgement: Extract<Judgement, { kind: 'drift' }>, repair: (finding: string) => Promise<void>): Promise<void> {
    const { account } = this.#p;
    const version = pair.intended!.version;
    const last = await this.#lastFact(pair.sku);
    if (last > (this.#applied.get(pair.sku) ?? 0) || pair.intended!.version !== version) return;
    let state = this.#bySku.get(pair.sku);
    const effects: Effect[] = [];
    if (state) {
      state = machine.step(state, again(version, reading.quantity), effects);
    } else {
      state = machine.initial({
        id: `drf-${digest(account, pair.sku, version, reading.quantity)}`,
        account,
        sku: pair.sku,
        class: judgement.class,
        severity: judgement.severity,
        version,
        expected: pair.intended!.quantity,
        observed: reading.quantity,
        observableAt: judgement.observableAt,
        detectedAt: Date.now(),
        repairs: 0,
      });
    }
    state = machine.step(state, { type: 'repair.asked' }, effects);
    this.#bySku.set(pair.sku, state);
    await this.#store(effects);
    if (!state.matches('task')) await repair((state.context as Finding).id);
  }

  /** The SKU's record moved on: its repair was decided, or what was intended is proven. */
  onRecord(pair: Pair, outlet: Outlet, applied: number): void {
    this.#applied.set(pair.sku, applied);
    let state = this.#bySku.get(pair.sku);
    if (!state || !outlet.intent) return;
    const effects: Effect[] = [];
    const { intent, proof } = outlet;
    const found = (state.context as Finding).version;
    // The intent that was found wrong cannot close its own finding; a newer one that is proven does.
    if (intent.version === found) return;
    if (state.matches('open')) state = machine.step(state, decided(intent.signature), effects);
    if (proof?.version === intent.version) state = machine.step(state, proven(proof.quantity, proof.at, proof.by), effects);
    this.#keep(pair.sku, state, effects);
  }

  /** A read showed what is intended: whatever was found is over. */
  onEqual(pair: Pair, quantity: number, at: number): void {
    const state = this.#bySku.get(pair.sku);
    if (!state) return;
    const effects: Effect[] = [];
    this.#keep(pair.sku, machine.step(state, proven(quantity, at, 'read'), effects), effects);
  }

  #keep(sku: string, state: AnyMachineSnapshot, effects: readonly Effect[]): void {
    if (state === this.#bySku.get(sku)) return;
    if (state.status === 'done') this.#bySku.delete(sku);
    else this.#bySku.set(sku, state);
    void this.#store(effects);
  }

  async #lastFact(sku: string): Promise<number> {
    const reply = await this.#p.nc.request('$JS.API.STREAM.MSG.GET.SKU', JSON.stringify({ last_by_subj: skuSubject(sku) }), { timeout: 5_000 });
    return reply.json<{ message?: { seq: number } }>().message?.seq ?? 0;
  }

  /** Stores the findings with what they ask to tell, then tells it. */
  #store(effects: readonly Effect[]): Promise<void> {
    this.#outbox = effects.flatMap(effect => (effect.kind === 'publish' ? [{ to: effect.to, id: effect.id, body: effect.body }] : []));
    const outbox = this.#outbox;
    this.#turn = this.#turn.then(async () => {
      const findings = Object.fromEntries([...this.#bySku].map(([sku, state]) => [sku, { value: state.value, context: state.context as Finding }]));
      for (let attempt = 1; attempt <= 5; attempt++) {
        try {
          this.#revision = await this.#p.records.put(channelRecord.findings(this.#p.account), { v: 1, findings, outbox } satisfies FindingsRecord, this.#revision);
          break;
        } catch (error) {
          if (!(error instanceof PublishError)) throw error;
          const stored = await this.#p.records.get<FindingsRecord>(channelRecord.findings(this.#p.account)).catch(() => undefined);
          this.#revision = stored?.revision ?? 0;
        }
      }
      await perform(this.#p.publisher, outbox);
    }).catch((error: unknown) => this.#p.log.error({ err: error, account: this.#p.account }, 'findings could not be stored'));
    return this.#turn;
  }
}
