/** Lets a soak's plan happen, and keeps what each fault did: when it began, when Plumb had dealt with it, how long work had no owner. */
import type { FaultInterval } from '../../deploy/demo/oversell.ts';
import { isQuiet } from '../../deploy/demo/status.ts';
import type { Owners } from '../../deploy/demo/status.ts';
import { partitionCount } from '../../runtime/subjects.ts';
import type { Planned } from './plan.ts';
import { tellFault } from './plan.ts';
import type { SoakNode, Stage } from './stage.ts';

export interface Incident extends FaultInterval {
  what: string;
  kind: Planned['kind'];
  /** Until every partition and account had an owner again, ms, or Infinity; of faults of processes. */
  unservedMs?: number;
  /** No more waited than before it when `to` was. */
  caughtUp: boolean;
}

/** Waited for the end of a fault's consequences, ms. */
const answerWithinMs = 60_000;
/** Changes more than before the fault that may wait when it counts as dealt with. */
const slack = 10;

export class Faults {
  readonly incidents: Incident[] = [];
  /** What goes on now. */
  readonly now = new Set<string>();
  readonly #stage: Stage;
  readonly #say: (line: string) => void;

  constructor(stage: Stage, say: (line: string) => void) {
    this.#stage = stage;
    this.#say = say;
  }

  /** Resolves when all of the plan is over; faults of processes come one after the other, those of marketplaces as planned. */
  async run(plan: readonly Planned[], signal: AbortSignal): Promise<void> {
    const began = Date.now();
    let processes: Promise<void> = Promise.resolve();
    const open: Promise<void>[] = [];
    for (const planned of plan) {
      await pause(planned.atMs - (Date.now() - began), signal);
      if (signal.aborted) break;
      if (planned.kind === 'marketplace') open.push(this.#perform(planned));
      else open.push(processes = processes.then(() => (signal.aborted ? undefined : this.#perform(planned))));
    }
    await Promise.all(open);
  }

  async #perform(planned: Planned): Promise<void> {
    const what = tellFault(planned);
    this.now.add(what);
    this.#say(what);
    const from = Date.now();
    try {
      const account = planned.kind === 'marketplace' ? planned.account : '*';
      const before = this.#pending(account);
      const unservedMs = planned.kind === 'marketplace' ? await this.#market(planned) : await this.#process(planned);
      // Where a quota is all used up, more and more waits, whatever is dealt with.
      const caughtUp = await this.#until(() => this.#stage.watch.current.at > from && this.#pending(account) <= before + slack);
      this.incidents.push({ what, kind: planned.kind, account, from, to: Date.now(), caughtUp, ...(planned.kind !== 'marketplace' && { unservedMs }) });
    } finally {
      this.now.delete(what);
    }
  }

  async #market({ account, fault, forMs }: Extract<Planned, { kind: 'marketplace' }>): Promise<number> {
    await this.#stage.admins.get(account)!.fault(fault);
    await pause(forMs);
    return 0;
  }

  /** @returns how long work had no owner from the fault on; Infinity where it stayed so */
  async #process({ kind, node: id, server, forMs }: Exclude<Planned, { kind: 'marketplace' }>): Promise<number> {
    const { nodes, broker } = this.#stage;
    const victims = nodes.filter(node => (node.id === id) !== (kind === 'most'));
    const from = Date.now();
    switch (kind) {
      case 'kill': case 'most': case 'drain': {
        for (const node of victims) node.down = true;
        await Promise.all(victims.map(({ process }) => kind === 'drain' ? process.drain() : process.kill()));
        const unserved = await this.#served(from, victims);
        await pause(forMs - (Date.now() - from));
        await Promise.all(victims.map(({ process }) => process.start()));
        for (const node of victims) node.down = false;
        return unserved;
      }
      case 'pause': case 'silence': case 'reset': {
        for (const { process, link } of victims) if (kind === 'pause') process.pause(); else link!.cut(kind === 'reset' ? 'reset' : 'silent');
        const [unserved] = await Promise.all([this.#served(from, victims), pause(forMs)]);
        for (const { process, link } of victims) if (kind === 'pause') process.wake(); else link!.heal();
        const back = await this.#served(Date.now(), []);
        return back === Infinity ? back : unserved;
      }
      case 'broker': {
        await broker.kill(server);
        await pause(forMs);
        await broker.restart(server);
        return this.#served(from, []);
      }
    }
  }

  /** ms from `from` until every partition and account has an owner that answers. */
  async #served(from: number, without: readonly SoakNode[]): Promise<number> {
    const gone = without.map(({ id }) => id);
    const { watch, accounts } = this.#stage;
    const whole = ({ partitions, accounts: owned, nodes }: Owners): boolean =>
      partitions.size === partitionCount && owned.size === accounts.length && !nodes.some(node => gone.includes(node));
    return await this.#until(async () => whole(await watch.owners())) ? Date.now() - from : Infinity;
  }

  async #until(holds: () => boolean | Promise<boolean>): Promise<boolean> {
    for (const end = Date.now() + answerWithinMs; Date.now() < end; await pause(250)) if (await holds()) return true;
    return false;
  }

  #pending(account: string): number {
    return this.#stage.watch.current.channels.filter(channel => account === '*' || channel.account === account).reduce((sum, { answer }) => sum + (answer?.pending ?? 0), 0);
  }
}

/** Waits until nothing moves and every listing was proven since `since`; false when that did not come. */
export async function rest({ watch }: Stage, since: number, listings: number, withinMs: number, say: (line: string) => void): Promise<boolean> {
  let told = 0;
  for (const end = Date.now() + withinMs; Date.now() < end; await pause(1_000)) {
    const status = watch.current;
    const answers = status.channels.map(({ answer }) => answer as (typeof answer & { proofAgeMs?: { oldest: number; never: number } }) | undefined);
    const complete = answers.every(answer => answer !== undefined && answer.listings >= listings && (answer.ordersCompleteThrough ?? 0) >= since
      && answer.proofAgeMs !== undefined && answer.proofAgeMs.never === 0 && answer.proofAgeMs.oldest < status.at - since);
    if (isQuiet(status) && complete) return true;
    if (Date.now() - told > 10_000) {
      told = Date.now();
      say(answers.map((answer, n) => `${status.channels[n]!.account} ${answer ? `${answer.proven} of ${answer.listings} true, ${answer.pending} wait, oldest proof ${Math.round((answer.proofAgeMs?.oldest ?? 0) / 1_000)} s` : 'does not answer'}`).join('; '));
    }
  }
  return false;
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms <= 0 || signal?.aborted) return Promise.resolve();
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
