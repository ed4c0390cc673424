/** One simulated SKU from its seed to its end. */
import { checkEnd } from './check.ts';
import { conditionsOf, day, hour, minute } from './conditions.ts';
import { Dice } from './dice.ts';
import { Erp } from './erp.ts';
import { read, send } from './network.ts';
import { Orders } from './orders.ts';
import { Owners } from './owner.ts';
import { World, sound } from './world.ts';
import type { Design, Violation } from './world.ts';

export interface Run { world: World; violations: Violation[]; fired: string[] }

export interface Options {
  design?: Design;
  muted?: ReadonlySet<string>;
  tellsStory?: boolean;
  /** Ends at the first violation. */
  stops?: boolean;
  lengthMs?: number;
}

/** Messages may be delayed for 6 h, and are then followed up by leaks that wait their time. */
const quietMs = 10 * hour;

export function run(seed: number, { design = sound, muted, tellsStory = false, stops = true, lengthMs = day }: Options = {}): Run {
  const dice = new Dice(seed, muted);
  const drawn = conditionsOf(dice, lengthMs);
  const conditions = design.under?.(drawn) ?? drawn;
  const world = new World(dice, conditions, design, tellsStory);
  let reads = 0;
  const owners: Owners = new Owners(world, sent => send(world, () => owners, sent), cell => read(world, () => owners, cell, `${cell} ${reads++}`));
  const orders = new Orders(world, owners);
  const erp = new Erp(world, owners);
  orders.onChange = sale => erp.learn(sale);
  const link = () => {
    for (const [cell, terms] of Object.entries(conditions.cells)) owners.deliver({ type: 'cell.linked', cell, terms: design.believes(terms), mayShow: 0 });
  };
  link();
  erp.start();
  const recount = owners.onLost;
  owners.onLost = () => {
    recount();
    world.in(minute, link);
  };
  orders.start();
  // Where a cell is read often while it sells, a count of its sales is ahead of its orders.
  const busyMs = dice.whole('sweep', 0, 3) === 0 ? 2 * minute : 20 * minute;
  owners.sweep(() => (world.now < lengthMs ? busyMs : 20 * minute));
  disturb(world, owners);
  const end = lengthMs + quietMs;
  world.run(end, stops);
  const isCut = stops && world.violations.length > 0;
  const lastWriteAt = world.journal.findLast(({ fact }) => fact.type === 'write.intended' || fact.type === 'write.repeated')?.at ?? 0;
  world.figures.shortfalls = world.said.filter(({ type }) => type === 'shortfall.opened').length;
  world.figures.convergedMs = Math.max(0, lastWriteAt - lengthMs);
  if (!isCut) checkEnd(world, end - hour, lastWriteAt);
  return { world, violations: world.violations, fired: dice.fired };
}

/** What comes over the owner and its channels from elsewhere. */
function disturb(world: World, owners: Owners): void {
  const { dice, conditions: { lengthMs, outside, faults, cells } } = world;
  const times = (kind: string, mean: number) => mean === 0 ? [] : Array.from({ length: dice.whole(`number of ${kind}`, 0, Math.ceil(2 * mean)) }, (_, i) => ({ name: `${kind} ${i}`, at: dice.whole(`time of ${kind} ${i}`, minute, lengthMs - 1) }));
  for (const { name, at } of times('crash', faults.crash && 4)) world.at(at, () => { if (dice.happens(name, 1)) owners.crash(name); });
  for (const { name, at } of times('zombie', faults.zombie && 3)) world.at(at, () => { if (dice.happens(name, 1)) owners.pause(name); });
  for (const { name, at } of times('relist', faults.relist)) {
    world.at(at, () => {
      const channel = world.channels[dice.pick(`${name} where`, Object.keys(cells))]!;
      if (channel.count === undefined || !dice.happens(name, 1)) return;
      channel.count = 0;
      world.note(channel);
      world.tell(channel.id, () => 'counts its sales from 0 again');
    });
  }
  for (const { name, at } of times('foreign write', outside.foreign)) {
    world.at(at, () => {
      if (!dice.happens(name, 1)) return;
      const channel = world.channels[dice.pick(`${name} where`, Object.keys(cells))]!;
      const units = dice.whole(`${name} by`, -2, 3);
      if (units > 0) world.disturbed = true;
      channel.foreign += Math.max(0, units);
      channel.quantity = Math.max(0, channel.quantity + units);
      channel.version += 1;
      world.note(channel);
      world.tell('somebody', () => `changes ${channel.id} by ${units}: it shows ${channel.quantity}`);
    });
  }
  for (const { name, at } of times('loss', outside.loss && 1)) {
    world.at(at, () => {
      if (!dice.happens(name, 1)) return;
      world.disturbed = true;
      const steps = dice.whole(`${name} steps`, 1, 30);
      owners.crash(name);
      owners.loseTail(steps);
      world.tell('broker', () => `loses the last ${steps} writes of the record`);
    });
  }
  if (outside.entry > 0) {
    const entryAt = dice.whole('entry', minute, lengthMs / 3);
    const enter = () => owners.deliver({ type: 'mode.set', mode: 'escrow' });
    world.at(entryAt, enter);
    // Whoever chose the mode finds that it was forgotten.
    const recover = owners.onLost;
    owners.onLost = () => {
      recover();
      if (world.now >= entryAt) world.in(minute, enter);
    };
  }
}
