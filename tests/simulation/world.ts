/** A world: one broker, three nodes, five marketplaces, an ERP, and a plan that happens to them. */
import type { Limits } from '../../config/limits.ts';
import { Dice } from '../../deploy/demo/dice.ts';
import { headerOf } from './broker/stream.ts';
import type { Broken, Stored, Stream } from './broker/stream.ts';
import type { Client } from './broker/client.ts';
import { Broker } from './broker/server.ts';
import type { Fate } from './broker/server.ts';
import { happen } from './happen.ts';
import { Erp } from './erp.ts';
import { Machine } from './machine.ts';
import type { Process } from './machine.ts';
import { adaptersOf, kinds, limits, Marketplace, slowestOfOld, termsOf } from './marketplace.ts';
import { Network } from './network.ts';
import { SimulatedNode } from './node.ts';
import type { Level, NodePorts } from './node.ts';
import { Person, strict } from './person.ts';
import { accounts, inWords, nodes, noticedWithinMs, opensAt, recoversWithinMs } from './plan.ts';
import type { Act, Mode, Plan } from './plan.ts';
import { decode } from '../../runtime/codec.ts';
import { unescapeKey } from '../../runtime/subjects.ts';

/** Settings of the product, for a world in which little time passes. */
export function settingsOf(mode: Mode): object {
  return {
    secretsDir: '/nowhere',
    debounce: { quietMs: 500, hardMs: 2_000 },
    askMs: 2_000,
    gapMs: 20_000,
    reconcile: { maxProofAgeMs: 30_000, apartMs: 2_000 },
    channels: { restMs: 1_000, probeMs: 5_000 },
    exposure: { mode, sendMs: 5_000 },
  };
}

/** What the marketplaces keep of escrow's assumptions: the latest copy, the stalest reading, the count of sales that is as old as that. */
const promises = { staleMs: 2_000, leakMs: 30_000, countMs: 0, unlistedMs: 30_000 };
const slackMs = 5_000;

/** Accounts as nodes know them. Plans of old have one promise for all. */
export function configured({ slowest }: Plan): NodePorts['accounts'] {
  const { lateMs, applyMs } = slowest ?? slowestOfOld;
  return accounts.map(account => {
    const kind = kinds[account]!;
    const lifeMs = lateMs + (slowest && kind !== 'queued' ? 0 : applyMs) + slackMs;
    return { account, channel: account, exposure: { ...promises, lifeMs, holdMs: termsOf(kind, slowestOfOld).holdMs, ...(kind === 'version' && { kind: 'version' }) } };
  });
}

export interface Told { at: number; who: string; text: string }

/** A node that dies at something that it asks for. */
export interface Doom { left: number; at: 'broker' | 'call'; isDone: boolean; downMs: number }

export interface WorldOptions { tellsStory?: boolean; broken?: Broken | undefined; /** Others of the product. */ settings?: object | undefined }

export class World {
  readonly plan: Plan;
  readonly machine: Machine;
  readonly broker: Broker;
  readonly marketplaces: Readonly<Record<string, Marketplace>>;
  readonly erp: Erp;
  readonly nodes: readonly SimulatedNode[];
  /** Who decides on what is held, where anything is. */
  readonly person: Person | undefined;
  /** Faults that happened, by kind. */
  readonly faults: Record<string, number> = {};
  readonly story: Told[] = [];
  /** Simulated ms until which nodes, links or the broker were disturbed last. */
  disturbedUntil = 0;
  /** Accounts that faults hit, `*` for all, from and until when, epoch ms. */
  readonly hits: { account: string; from: number; to: number }[] = [];
  /** Listings that something else than Plumb and buyers changed, `<account>/<sku>`, and since when, epoch ms. */
  readonly meddled = new Map<string, number>();
  /** SKUs with units that the network put on sale once more, by carrying out an unconditional write again. */
  readonly again = new Set<string>();
  /** When the first write of each listing was carried out, `<account>/<sku>`, epoch ms: until then it shows what an earlier tool left. */
  readonly writtenAt = new Map<string, number>();
  /** Listings of which the channel took a write and did not carry it out, `<account>/<sku>`. */
  readonly swallowed = new Set<string>();
  /** Order lines that a warehouse has asked to close, `<account>/<order>/<line>`, and those of them that it may. */
  readonly packed = new Set<string>();
  readonly permitted = new Set<string>();
  /** What nodes logged as a failure of their own. */
  readonly complaints: Told[] = [];
  /** Told of each message as it is stored. */
  onStored: (stream: Stream, message: Stored) => void = () => {};
  digest = 0x811c9dc5;
  operations = 0;
  readonly #tellsStory: boolean;
  /** Nodes that are to die, by id. */
  readonly dooms = new Map<string, Doom>();
  readonly #uninstall: (() => void)[] = [];
  /** Links that are slow, by node. */
  readonly slow = new Map<string, { byMs: number; until: number }>();

  constructor(plan: Plan, { tellsStory = false, broken, settings }: WorldOptions = {}) {
    this.plan = plan;
    this.#tellsStory = tellsStory;
    const { seed } = plan;
    const machine = this.machine = new Machine(seed);
    this.#uninstall.push(machine.install({ traces: tellsStory }));
    machine.onUncaught = (process, error) => this.#log(process.name, 'fatal', 'an exception that nobody caught', { err: error });
    this.broker = new Broker(machine, new Dice(seed, 'broker'), broken);
    this.broker.onStored = (stream, message) => this.#stored(stream, message);
    this.broker.onOperation = (client, subject) => this.#operation(client, subject);
    const network = new Network(machine, this.broker);
    this.#uninstall.push(network.install());
    this.marketplaces = Object.fromEntries(accounts.map(account => [account, this.#marketplace(account)]));
    this.erp = new Erp(machine, this.broker, Object.values(this.marketplaces));
    this.nodes = nodes.map(id => new SimulatedNode(id, {
      machine,
      link: network.link(id, this.#latencyOf(id)),
      parts: { adapters: adaptersOf(this.marketplaces), limitsOf: () => limits as Limits },
      accounts: configured(plan),
      settings: { ...settingsOf(plan.mode), ...(plan.holds && { governor: strict }), ...settings },
      onLog: (...said) => this.#log(...said),
    }));
    this.person = plan.holds ? new Person(machine, this.broker, seed) : undefined;
    for (const act of plan.acts) machine.after(opensAt + act.at, machine.outside, () => this.#act(act));
  }

  /** Gives time and the network back. */
  close(): void {
    for (const undo of this.#uninstall.splice(0).reverse()) undo();
  }

  tell(who: string, text: string): void {
    if (this.#tellsStory) this.story.push({ at: this.machine.now, who, text });
  }

  /** Every node starts; listings are imported and SKUs counted as soon as somebody answers. */
  open(): void {
    const { machine } = this;
    for (const node of this.nodes) node.start();
    for (const account of accounts) {
      this.#import(account);
      this.person?.watch(account);
    }
    machine.after(3_000, machine.outside, () => { for (const { sku, supply } of this.plan.skus) this.erp.open(sku, supply); });
  }

  /** Faults are over: what is down comes up, what is slow is quick. */
  calm(): void {
    for (const marketplace of Object.values(this.marketplaces)) marketplace.calm();
    this.dooms.clear();
    for (const node of this.nodes) {
      node.process.skewMs = 0;
      node.link.state = 'up';
      node.wake();
      node.start();
    }
    this.broker.restart();
    this.broker.busyMs = 0;
    if (this.person) this.person.isHasty = true;
    this.disturb(0);
    for (const { sku } of this.plan.skus) this.erp.count(sku, 0, 'told');
  }

  node(id: string): SimulatedNode {
    return this.nodes.find(node => node.id === id)!;
  }

  /** Repeated until it is answered: nobody may own the account yet. */
  #import(account: string): void {
    const { machine, broker } = this;
    let isDone = false;
    const ask = (): void => {
      if (isDone) return;
      if (broker.isUp) broker.request(`control.channel.${account}`, 'import', answer => {
        isDone ||= (answer !== '' && (JSON.parse(answer) as { ok: boolean }).ok);
      });
      machine.after(2_000, machine.outside, ask);
    };
    machine.after(2_000, machine.outside, ask);
  }

  #marketplace(account: string): Marketplace {
    const marketplace = new Marketplace(account, this.machine, new Dice(this.plan.seed, `market ${account}`), this.plan.slowest ?? slowestOfOld, this.plan.counts ? new Dice(this.plan.seed, `count ${account}`) : undefined);
    for (const { sku, shown } of this.plan.skus) marketplace.list(sku, shown[account]!);
    marketplace.onWrite = (sku, quantity, isCarriedOut) => {
      this.#mix(`w ${account} ${sku} ${quantity}`);
      if (!isCarriedOut) this.swallowed.add(`${account}/${sku}`);
      else if (!this.writtenAt.has(`${account}/${sku}`)) this.writtenAt.set(`${account}/${sku}`, this.machine.wall);
      this.tell(account, isCarriedOut ? `shows ${quantity} of ${sku}, by a write` : `swallows a write of ${quantity} of ${sku}`);
    };
    marketplace.onStray = () => this.hit(account, noticedWithinMs);
    marketplace.onAgain = sku => {
      this.again.add(sku);
      this.faults['sold units shown again'] = (this.faults['sold units shown again'] ?? 0) + 1;
    };
    marketplace.payments.onOver = ({ sku, units, isPaid }) => {
      this.tell(account, `${isPaid ? 'is paid' : 'is not paid'} for ${units} of ${sku}`);
      if (!isPaid) this.faults['payment dropped'] = (this.faults['payment dropped'] ?? 0) + 1;
    };
    marketplace.onCall = process => this.#call(process);
    return marketplace;
  }

  #latencyOf(id: string): () => number {
    const dice = new Dice(this.plan.seed, `latency ${id}`);
    return () => {
      const slow = this.slow.get(id);
      const late = slow && slow.until > this.machine.now ? slow.byMs * dice.next() : 0;
      // Mostly quick, seldom not.
      return 0.1 + dice.next() * (dice.chance(0.01) ? 30 : 1) + late;
    };
  }

  #stored(stream: Stream, message: Stored): void {
    const { name } = stream.config;
    this.#mix(`s ${name} ${message.subject} ${message.seq} ${message.at}`);
    if (message.subject.startsWith('exposure.ship.permitted.')) this.#permit((JSON.parse(message.data.toString()) as { line: string }).line);
    if (name === 'ASK') this.erp.asked(unescapeKey(message.subject.split('.')[2]!));
    if (this.#tellsStory && told.has(name)) this.tell('broker', `${name} ${message.seq}: ${message.subject} ${inShort(message)}`);
    this.onStored(stream, message);
  }

  /** The warehouse closes an order some time after it may. */
  #permit(line: string): void {
    this.permitted.add(line);
    const [account, order, number] = line.split('/') as [string, string, string];
    const { machine } = this;
    machine.after(shipsAfterMs, machine.outside, () => { this.marketplaces[account]!.shop.ship(order, number); });
  }

  #operation(client: Client, subject: string): Fate {
    this.operations += 1;
    this.#mix(`o ${client.name} ${subject.length}`);
    const id = client.name.slice('plumb-'.length);
    const doom = this.dooms.get(id);
    if (doom?.at !== 'broker' || --doom.left > 0) return 'done';
    this.#die(id, doom, subject);
    return doom.isDone ? 'last' : 'never';
  }

  #call(process: Process): boolean {
    const doom = this.dooms.get(process.name);
    if (process.state === 'dead') return false;
    if (doom?.at !== 'call' || --doom.left > 0) return true;
    this.#die(process.name, doom, 'a call');
    return doom.isDone;
  }

  #die(id: string, { downMs, isDone }: Doom, at: string): void {
    const { machine } = this;
    this.dooms.delete(id);
    const node = this.node(id);
    this.tell(id, `dies at ${at}, which is ${isDone ? 'done' : 'not done'}`);
    this.faults['crash'] = (this.faults['crash'] ?? 0) + 1;
    node.kill();
    this.disturb(downMs);
    machine.after(downMs, machine.outside, () => node.start());
  }

  /** Nodes, links or the broker do not work as they should for so long. */
  disturb(forMs: number): void {
    this.disturbedUntil = Math.max(this.disturbedUntil, this.machine.now + forMs);
    this.hit('*', forMs + recoversWithinMs);
  }

  /** What an account shows, or what of its orders is known, may be wrong for so long. */
  hit(account: string, forMs: number): void {
    this.hits.push({ account, from: this.machine.wall, to: this.machine.wall + forMs });
  }

  /** Something outside may have caused a debt of that SKU. */
  isOutside(sku: string): boolean {
    return this.plan.isDisturbed || this.again.has(sku);
  }

  /** Something else than Plumb and buyers changes a listing. */
  meddle({ account, sku }: { account: string; sku: string }): void {
    const listing = `${account}/${sku}`;
    if (!this.meddled.has(listing)) this.meddled.set(listing, this.machine.wall);
  }

  #act(act: Act): void {
    if (!happen(this, act)) return;
    this.tell('world', inWords(act));
    if (act.kind !== 'crash') this.faults[act.kind] = (this.faults[act.kind] ?? 0) + 1;
  }

  #log(node: string, level: Level, message: string, about: Record<string, unknown>): void {
    const isHold = message === heldMessage;
    if (isHold) this.faults['hold'] = (this.faults['hold'] ?? 0) + 1;
    const isComplaint = !isHold && (level === 'error' || level === 'fatal');
    if (!isComplaint && !this.#tellsStory) return;
    const { err, ...rest } = about;
    const text = `${message}${err === undefined ? '' : `: ${(err as Error).message}`} ${JSON.stringify(rest)}`;
    this.tell(node, `${level}: ${text}`);
    if (isComplaint) this.complaints.push({ at: this.machine.now, who: node, text: err instanceof Error && err.stack ? `${text}\n${err.stack}` : text });
  }

  /** Two runs of the same seed come to the same number. */
  #mix(text: string): void {
    let { digest } = this;
    for (let n = 0; n < text.length; n++) digest = Math.imul(digest ^ text.charCodeAt(n), 0x01000193);
    this.digest = Math.imul(digest ^ Math.floor(this.machine.now * 1_000), 0x01000193) >>> 0;
  }
}

const shipsAfterMs = 8_000;
/** No failure of a node: it is there to be told. */
const heldMessage = 'too many listings move at once: the batch is held';

/** Streams that a story tells of. */
const told: ReadonlySet<string> = new Set(['INGEST', 'SKU', 'KV_sku', 'ALERT', 'DEAD', 'ASK', 'EXPOSURE']);

function inShort({ subject, headers, data }: Stored): string {
  if (subject.startsWith('$KV.sku.') && !subject.includes('._')) {
    const { applied, outbox, context } = JSON.parse(data.toString()) as { applied: number; outbox: unknown[]; context: { onHand?: number } };
    return `has applied ${applied}, on hand ${context.onHand ?? 'unknown'}${outbox.length > 0 ? `, asks for ${outbox.length} effects` : ''}`;
  }
  try {
    return JSON.stringify(decode(data, headerOf(headers, 'Plumb-Schema'))).slice(0, 300);
  } catch {
    return data.toString().slice(0, 300);
  }
}
