/** Section 10 of the protocol: what must hold after every step, and once it has become quiet. */
import { free, known } from '../../../actors/sku/exposure/ledger.ts';
import type { Ledger } from '../../../actors/sku/exposure/ledger.ts';
import type { Said } from '../../../actors/sku/exposure/said.ts';
import type { ExposureFact } from '../../../actors/sku/exposure.ts';
import type { Channel } from './channel.ts';
import type { World } from './world.ts';

/** Facts from outside that may take `free` below 0; nothing of ours may (I2). */
const outside = new Set<ExposureFact['type']>(['stock.counted', 'ledger.lost', 'cell.linked']);

export function checkStep(world: World, before: Ledger, after: Ledger, fact: ExposureFact, says: Said[]): void {
  world.toldVersion = Math.max(world.toldVersion, after.count?.version ?? -1);
  checkRights(world, after);
  const isOutside = outside.has(fact.type) || after.count !== before.count || after.mode === 'mirror' || says.some(({ type }) => type === 'drift.found' || type === 'order.late' || type === 'sale.beyond' || type === 'ship.ungated');
  const [was = 0, is = 0] = [free(before), free(after)];
  if (!isOutside && is < Math.min(was, 0)) world.violated('I2', `${fact.type} takes free from ${was} to ${is}`);
  if (fact.type === 'cell.read' && !says.some(({ type }) => type === 'drift.found')) {
    const [x, y] = [before.cells[fact.cell]!, after.cells[fact.cell]!];
    const counted = y.counter - x.counter;
    world.figures.counted += Math.max(0, counted);
    if (counted < 0) world.violated('I6', `a count at ${fact.cell} takes back ${-counted} units that it told of`);
    if (y.rights > x.rights && !says.some(({ type }) => type === 'sale.unlisted' || type === 'sale.beyond')) world.violated('I6', `reading ${fact.value} raises rights of ${fact.cell} from ${x.rights} to ${y.rights}`);
    if (y.rights < x.rights - Math.max(0, counted) && !x.mark?.waited) world.violated('I6', `reading ${fact.value} lowers rights of ${fact.cell} from ${x.rights} to ${y.rights}`);
  }
  if (after.mode !== 'escrow' || after.count === undefined) return;
  if (!world.disturbed && is < 0) world.violated('debt', `${-is} units of debt, and nothing outside caused it`);
  if (!world.disturbed && says.some(({ type }) => type === 'shortfall.opened' || type === 'drift.found' || type === 'order.late' || type === 'sale.unlisted')) world.violated('cause', `${says.map(({ type }) => type).join(', ')}, and nothing outside caused it`);
  checkBound(world, after);
}

/** I1: what a cell can still sell and has sold unseen, at most its rights and what was cancelled unseen. */
function checkRights(world: World, ledger: Ledger): void {
  const seen: Record<string, number> = {};
  const back: Record<string, number> = {};
  for (const id in ledger.lines) {
    const { cell, units, cancelled } = ledger.lines[id]!;
    seen[cell] = (seen[cell] ?? 0) + units;
    back[cell] = (back[cell] ?? 0) + cancelled;
  }
  for (const id in ledger.cells) {
    const channel = world.channels[id]!;
    const { rights, counter } = ledger.cells[id]!;
    const sold = channel.sold - (seen[id] ?? 0) - counter;
    if (sold < 0) world.violated('I5', `${id} has sold ${channel.sold}, ${seen[id] ?? 0} in lines and ${counter} counted beside them`);
    const cancelled = Math.max(0, channel.cancelled - (back[id] ?? 0));
    const { sellable } = channel;
    if (sellable + sold > rights + cancelled + channel.foreign + channel.late) {
      world.violated('I1', `${id} can sell ${sellable} and has sold ${sold} unseen; its rights are ${rights}, cancelled unseen ${cancelled}`);
    }
  }
}

/** I3: units oversold are debt, or a drop that has not reached us. */
function checkBound(world: World, ledger: Ledger): void {
  const supply = Math.max(world.supply, world.supplies[Math.max(0, world.toldVersion)]!);
  const owed = Math.max(0, -(free(ledger) ?? 0));
  const foreign = Object.values(world.channels).reduce((sum, channel) => sum + channel.foreign + channel.late, 0);
  if (world.netSold > supply + owed + foreign) world.violated('I3', `${world.netSold} sold of ${supply}, debt ${owed}`);
}

/** I7 and the rest of the end: exact rights, nothing in doubt, every line known once, nothing written any more. */
export function checkEnd(world: World, quietSince: number, lastWriteAt: number): void {
  const { store: { ledger }, figures } = world;
  for (const id in ledger.cells) {
    const channel = world.channels[id]!;
    const cell = ledger.cells[id]!;
    if (cell.counter > 0) world.violated('counted', `${cell.counter} units at ${id} are counted as sold and in no line`);
    const exact = channel.kind === 'gross' ? Math.max(0, channel.quantity - openUnpermitted(channel, ledger)) : Math.max(0, channel.quantity);
    if (cell.rights !== exact) world.violated('leak', `${id} can sell ${exact}, its rights are ${cell.rights}`);
    if (cell.intent) world.violated('doubt', `${cell.intent.id} is still in doubt`);
    for (const sale of channel.sales) {
      const line = ledger.lines[sale.id];
      if (!line) figures.lost += sale.units;
      else if (line.units !== sale.units || line.cancelled !== sale.cancelled) figures.doubled += 1;
    }
  }
  if (figures.lost > 0) world.violated('lost', `${figures.lost} units sold are not in the ledger`);
  if (figures.doubled > 0) world.violated('doubled', `${figures.doubled} lines count other units than were sold`);
  if (lastWriteAt > quietSince) world.violated('quiet', `a write was stored at ${lastWriteAt}, when nothing had happened for long`);
  const units = known(ledger);
  if (units !== world.supply - world.netSold) world.violated('known', `known ${units}, ${world.supply - world.netSold} exist`);
  if ((free(ledger) ?? 0) < 0 && units! >= 0) world.violated('debt left', `free ${free(ledger)} though ${units} exist`);
}

function openUnpermitted(channel: Channel, { lines }: Ledger): number {
  return channel.sales.reduce((sum, { id, units, cancelled, closed }) => closed || lines[id]?.permitted ? sum : sum + units - cancelled, 0);
}
