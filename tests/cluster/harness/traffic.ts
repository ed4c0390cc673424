/**
 * What happens to the SKUs of a round: counts, changes, orders and answers, some doubled, swapped or missing, all
 * drawn from the seed; and a probe for every partition, so that one left unserved is noticed within a fifth of a second.
 */
import type { JetStreamClient } from '@nats-io/jetstream';
import { headers } from 'nats';
import { Dice } from '../../../deploy/demo/dice.ts';
import type { SkuFact } from '../../../actors/sku/protocol.ts';
import { encodeJournal, journalHeaders } from '../../../runtime/codec.ts';
import { ingestSubject, partitionCount, partitionOf, skuSubject } from '../../../runtime/subjects.ts';

const probeEveryMs = 200;
const accounts = ['north', 'south'];

/** A SKU for each partition. */
export const probes: readonly string[] = Array.from({ length: partitionCount }, (_, partition) => {
  for (let n = 0; ; n++) if (partitionOf(`probe ${partition}.${n}`) === partition) return `probe ${partition}.${n}`;
});

interface Sku { name: string; viaSource: boolean; position: number; orders: number; skipped: boolean }

export class Traffic {
  readonly #js: JetStreamClient;
  readonly #dice: Dice;
  readonly #skus: Sku[];
  readonly #probePositions = new Map<string, number>();
  readonly #unanswered = new Set<Promise<void>>();
  #serial = 0;
  #timers: NodeJS.Timeout[] = [];
  #abandoned = false;
  readonly #answered = new Set<string>();
  /** Ids of the messages that the broker acknowledged, by stream. */
  readonly acknowledged = { sku: new Set<string>(), ingest: new Set<string>() };

  constructor(js: JetStreamClient, seed: number, { skus = 80 } = {}) {
    this.#js = js;
    this.#dice = new Dice(seed, 'traffic');
    this.#skus = Array.from({ length: skus }, (_, n) => ({ name: `sku-${n}`, viaSource: n % 4 === 0, position: 0, orders: 0, skipped: false }));
  }

  /** Links every SKU to both accounts and gives it stock. */
  async open(): Promise<void> {
    for (const sku of this.#skus) {
      for (const account of accounts) {
        this.#tell(sku.name, { type: 'listing.linked', account, listing: { id: `${account}:${sku.name}`, fields: {} }, gross: account === 'south', rule: { buffer: this.#dice.between(0, 3) }, shown: 0 });
      }
      this.#count(sku);
    }
    for (const probe of probes) {
      this.#tell(probe, { type: 'stock.counted', source: 'probe', position: 1, quantity: 1_000 });
      this.#probePositions.set(probe, 1);
    }
    await this.settled();
  }

  /** @param perSecond facts about the busy SKUs; probes come on top */
  run(perSecond: number): void {
    const everyMs = 20;
    let owed = 0;
    this.#timers.push(setInterval(() => {
      for (owed += (perSecond * everyMs) / 1_000; owed >= 1; owed--) this.#act(this.#skus[this.#dice.between(0, this.#skus.length - 1)]!);
    }, everyMs));
    let next = 0;
    this.#timers.push(setInterval(() => {
      this.#probe(probes[next++ % probes.length]!);
    }, probeEveryMs / probes.length));
  }

  /** Ends the flow; gaps that were left open stay open. Resolves when the broker has everything. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    await this.settled();
  }

  /** Ends at once; what the broker has not yet is not sent again. */
  abandon(): void {
    this.#abandoned = true;
    for (const timer of this.#timers) clearInterval(timer);
  }

  async settled(): Promise<void> {
    while (this.#unanswered.size > 0) await Promise.all(this.#unanswered);
  }

  /** A channel that applies what is intended: called with each record as it is stored. */
  answer(sku: string, account: string, signature: string, quantity: number): void {
    if (this.#answered.has(signature)) return;
    this.#answered.add(signature);
    this.#tell(sku, { type: 'write.answered', account, signature, outcome: 'applied', quantity }, `wa:${signature}`);
  }

  #act(sku: Sku): void {
    const dice = this.#dice;
    const roll = dice.next();
    if (roll < 0.15) this.#count(sku);
    else if (roll < 0.55) this.#adjust(sku);
    else if (roll < 0.9) this.#order(sku);
    else this.#tell(sku.name, { type: 'rule.set', account: accounts[dice.between(0, 1)]!, rule: { buffer: dice.between(0, 5), ...(dice.chance(0.5) && { max: dice.between(5, 50) }) } });
  }

  #count(sku: Sku): void {
    sku.position += 1;
    this.#say(sku, { type: 'stock.counted', source: 'erp', position: sku.position, quantity: this.#dice.between(0, 60) });
  }

  #adjust(sku: Sku): void {
    const dice = this.#dice;
    const change = (): SkuFact & { type: 'stock.adjusted' } => ({ type: 'stock.adjusted', source: 'erp', position: ++sku.position, delta: dice.between(-4, 4) });
    const roll = dice.next();
    if (roll < 0.02) sku.position += 1; // One that never comes: the SKU is suspended until the next count.
    if (roll < 0.06) {
      const [first, second] = [change(), change()];
      this.#say(sku, second);
      this.#say(sku, first);
    } else {
      const fact = change();
      this.#say(sku, fact);
      if (roll > 0.95) this.#say(sku, fact);
    }
  }

  #order(sku: Sku): void {
    const dice = this.#dice;
    const account = accounts[dice.between(0, 1)]!;
    const known = sku.orders > 0 && dice.chance(0.5);
    const line = `${account}/${known ? dice.between(1, sku.orders) : ++sku.orders}/1`;
    const units = dice.between(1, 2);
    if (!known) this.#tell(sku.name, { type: 'order.placed', account, line, units, createdAt: 0 });
    else this.#tell(sku.name, { type: dice.chance(0.3) ? 'order.cancelled' : 'order.shipped', account, line, units });
  }

  #probe(sku: string): void {
    const position = this.#probePositions.get(sku)! + 1;
    this.#probePositions.set(sku, position);
    this.#tell(sku, { type: 'stock.adjusted', source: 'probe', position, delta: position % 2 === 0 ? -1 : 1 });
  }

  /** By way of the source for some SKUs, straight to the journal for the others. */
  #say(sku: Sku, fact: SkuFact & { type: 'stock.counted' | 'stock.adjusted' }): void {
    if (!sku.viaSource) return this.#tell(sku.name, fact);
    const id = `erp-${++this.#serial}`;
    const common = { id, sku: sku.name, version: fact.position };
    const body = fact.type === 'stock.counted' ? { ...common, type: 'count', quantity: fact.quantity } : { ...common, type: 'adjust', delta: fact.delta };
    const meta = headers();
    meta.set('Nats-Msg-Id', id);
    this.#send(ingestSubject('erp'), Buffer.from(JSON.stringify(body)), meta);
  }

  #tell(sku: string, fact: SkuFact, id = `t:${++this.#serial}`): void {
    this.#send(skuSubject(sku), encodeJournal(fact), journalHeaders({ id }));
  }

  /** Tried under one id until the broker has it. */
  #send(subject: string, data: Uint8Array, meta: ReturnType<typeof headers>): void {
    const sent = (async () => {
      while (!this.#abandoned) {
        try {
          await this.#js.publish(subject, data, { headers: meta, timeout: 2_000 });
          this.acknowledged[subject.startsWith('ingest.') ? 'ingest' : 'sku'].add(meta.get('Nats-Msg-Id'));
          return;
        } catch {
          await new Promise(resolve => setTimeout(resolve, 100));
        }
      }
    })();
    this.#unanswered.add(sent);
    void sent.finally(() => this.#unanswered.delete(sent));
  }
}
