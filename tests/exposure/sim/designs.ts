/**
 * The known-bad designs of `docs/exposure.md`, each one change to the sound one. The simulation must catch every
 * one of them; a check that passes them is broken.
 */
import { mirrored } from '../../../actors/sku/exposure/allocation.ts';
import type { Policy } from '../../../actors/sku/exposure/allocation.ts';
import { counted, orderLine, read } from '../../../actors/sku/exposure/facts.ts';
import type { Cell } from '../../../actors/sku/exposure/ledger.ts';
import { changed, withCell } from '../../../actors/sku/exposure/ledger.ts';
import { applied, inDoubt, refused, released, reservation } from '../../../actors/sku/exposure/writes.ts';
import { rules } from '../../../actors/sku/exposure.ts';
import type { Rules } from '../../../actors/sku/exposure.ts';
import { channels } from './conditions.ts';
import type { Conditions } from './conditions.ts';
import { sound } from './world.ts';
import type { Design } from './world.ts';

const broken = (change: Partial<Rules>, more: Partial<Design> = {}): Design => ({ ...sound, ...more, rules: { ...rules, ...change } });

/** Reserves what an unconditional write adds to what is shown, as if nothing could be sold on its way. */
const difference: Rules['reservation'] = (cell, write) =>
  cell.terms.kind === 'set' ? Math.max(0, write.to - Math.max(0, cell.shown ?? 0)) : reservation(cell, write);

const isWhole = ({ terms: { kind } }: Cell): boolean => kind === 'set';

/** Tops *set* cells up one by one, which the sound policy leaves alone: each such write costs all that it shows. */
export const eager: Policy = (ledger, demand, now) => {
  const wanted = thrifty(ledger, demand, now);
  for (const id in ledger.cells) {
    const { shown } = ledger.cells[id]!;
    if (isWhole(ledger.cells[id]!) && shown !== undefined && !Object.hasOwn(wanted, id)) wanted[id] = Math.max(1, shown + 1);
  }
  return wanted;
};

/** Writes *set* cells again and again, down by one and up again, and while a write is in doubt. */
export const restless: Policy = (ledger, demand, now) => {
  const wanted = thrifty(ledger, demand, now);
  for (const id in ledger.cells) {
    const { shown, intent } = ledger.cells[id]!;
    if (isWhole(ledger.cells[id]!) && shown !== undefined && !Object.hasOwn(wanted, id)) wanted[id] = intent && now - intent.firstAt > ledger.cells[id]!.terms.answerMs ? shown + 1 : Math.max(1, shown - 1);
  }
  return wanted;
};

/** Grants half of what the sound policy would, so that there is something left for more writes. */
function thrifty(...[ledger, demand, now]: Parameters<Policy>): ReturnType<Policy> {
  const wanted = sound.policy(ledger, demand, now);
  for (const id in wanted) if (wanted[id]! > ledger.cells[id]!.rights) wanted[id] = Math.ceil((wanted[id]! + ledger.cells[id]!.rights) / 2);
  return wanted;
}

/** Its channels among two others at most, its faults in high doses. */
const where = (names: string[], faults: Partial<Conditions['faults']> = {}, outside: Partial<Conditions['outside']> = {}) => ({ cells, weights, ...rest }: Conditions): Conditions => {
  const others = Object.keys(cells).filter(name => !names.includes(name)).slice(0, 2);
  const all = [...names, ...others];
  return {
    ...rest, cells: Object.fromEntries(all.map(name => [name, channels[name]!])), weights: all.map((_, i) => weights[i] ?? 4),
    faults: { ...rest.faults, ...faults }, outside: { correction: 0, foreign: 0, loss: 0, entry: 0, lateOrder: 0, ...outside },
  };
};

const credit = (cell: Cell, units: number): Cell => ({ ...cell, rights: cell.rights - units });

/** `under`: where it is hunted, as not every world has what it takes. */
const changes: Record<string, { says: string; design: Design; under?: NonNullable<Design['under']> }> = {
  N1: { says: 'mirroring, called escrow', design: broken({ mayReserve: () => true }, { policy: mirrored(0) }) },
  N2: { says: 'mirroring with a buffer, called escrow', design: broken({ mayReserve: () => true }, { policy: mirrored(1) }) },
  N3: { says: 'set reserves the difference', under: where(['ebay', 'meli-classic'], { race: 0.5 }), design: broken({ reservation: difference }, { policy: eager }) },
  N4: { says: 'set reserves the difference, orders polled before', under: where(['ebay', 'meli-classic'], { race: 0.5 }), design: broken({ reservation: difference }, { policy: eager, pollFirst: true }) },
  N5: {
    says: 'rights overwritten by a confirmed or read value',
    design: broken({
      applied: (cell, intent, answer, sold) => {
        const after = applied(cell, intent, answer, sold);
        return after.mark ? { ...after, rights: Math.max(0, after.mark.value) } : after;
      },
      read: (ledger, fact, now) => {
        const after = read(ledger, fact, now).ledger;
        const cell = after.cells[fact.cell];
        return { ledger: cell && cell.terms.kind !== 'gross' && !cell.intent ? withCell(after, fact.cell, { ...cell, rights: Math.max(0, fact.value) }) : after, says: [] };
      },
    }),
  },
  N6: { says: 'a lost answer means not applied', under: where(['ebay', 'walmart'], { lostAfter: 0.3 }), design: broken({ unanswered: cell => cell.intent ? released(changed<Cell>(cell, { intent: undefined }), cell.intent) : cell }) },
  N7: { says: 'a swap is repeated without a key', under: where(['shopify'], { lostAfter: 0.3, race: 0.5, hold: 0 }), design: broken({ mayRepeat: onlyRepeated('swap') }, { unkeyed: true }) },
  N8: {
    says: 'a lower below zero is credited in full',
    under: where(['shopify-delta'], { race: 0.5, undelivered: 0.3 }), design: broken({
      applied: (cell, intent, answer, sold) => {
        const after = applied(cell, intent, answer, sold);
        return cell.terms.kind === 'delta' && intent.to < 0 ? { ...after, rights: Math.max(0, cell.rights + intent.to) } : after;
      },
    }),
  },
  N9: { says: 'a delta is repeated without a key', under: where(['shopify-delta'], { lostAfter: 0.3 }), design: broken({ mayRepeat: onlyRepeated('delta') }, { unkeyed: true }) },
  N10: {
    says: 'a cancellation counts each time that it is told',
    design: broken({
      orderLine: (ledger, fact, at) => {
        const after = orderLine(ledger, fact, at);
        const again = ledger.lines[fact.line]?.cancelled ? fact.cancelled : 0;
        const line = after.ledger.lines[fact.line]!;
        const lines = { ...after.ledger.lines, [fact.line]: { ...line, cancelled: line.cancelled + again } };
        const cell = after.ledger.cells[fact.cell];
        return again > 0 && cell ? { ...after, ledger: withCell({ ...after.ledger, lines }, fact.cell, credit(cell, -again)) } : after;
      },
    }),
  },
  N11: { says: 'ERP counts by order of arrival', under: where([], { delayed: 0.3, repeated: 0.3 }, { correction: 4 }), design: broken({ counted: (ledger, fact, at) => counted(changed(ledger, { count: ledger.count && { ...ledger.count, version: -1 }, awaited: undefined }), fact, at) }) },
  N12: {
    says: 'a cancelled unit is taken for not put back',
    design: broken({
      orderLine: (ledger, fact, at) => {
        const after = orderLine(ledger, fact, at);
        const back = (after.ledger.lines[fact.line]?.cancelled ?? 0) - (ledger.lines[fact.line]?.cancelled ?? 0);
        const cell = after.ledger.cells[fact.cell];
        return back > 0 && cell ? { ...after, ledger: withCell(after.ledger, fact.cell, credit(cell, back)) } : after;
      },
    }),
  },
  N13: { says: 'payment holds ignored', under: where(['shopify', 'ebay'], { hold: 0.6 }), design: { ...sound, believes: terms => ({ ...terms, holdMs: 0 }) } },
  N14: { says: 'gross: orders close without asking', design: { ...sound, ungated: true } },
  N15: { says: 'a former owner may store and send', under: where(['ebay', 'amazon'], { zombie: 0.2 }), design: { ...sound, unfenced: true } },
  N16: { says: 'a record that lost writes goes unnoticed', under: where(['shopify', 'meli-products'], {}, { loss: 3 }), design: { ...sound, unguarded: true } },
  N17: {
    says: 'an early read that happens to match is proof',
    under: where(['ebay', 'amazon'], { late: 0.3, lostAfter: 0.2, stale: 0.3 }), design: broken({
      read: (ledger, fact, now) => {
        const after = read(ledger, fact, now);
        const cell = after.ledger.cells[fact.cell];
        if (!cell?.intent || fact.value !== cell.intent.to || cell.terms.kind === 'delta') return after;
        const proven = changed<Cell>(cell, { intent: undefined, mark: { value: fact.value, confirmedAt: fact.at, back: cell.intent.back } });
        return { ...after, ledger: withCell(after.ledger, fact.cell, proven) };
      },
    }, { policy: restless, readsEarly: true }),
  },
  N18: {
    says: 'a second set while one is in doubt',
    under: where(['ebay'], { late: 0.6, race: 0.5 }), design: broken({ inDoubt: (cell, now) => cell.terms.kind === 'set' || cell.terms.kind === 'gross' ? false : inDoubt(cell, now) }, { policy: restless }),
  },
  N19: { says: 'a refusal after a repeat is final', under: where(['swap-unkeyed', 'meli-products'], { lostAfter: 0.2, late: 0.2 }), design: broken({ refused: (cell, intent) => refused(cell, { ...intent, attempts: 1 }) }) },
  N20: {
    says: 'gross: a lower is credited when answered',
    under: where(['walmart'], { undelivered: 0.3 }), design: broken({
      applied: (cell, intent, answer, sold) => {
        const after = applied(cell, intent, answer, sold);
        return cell.terms.kind === 'gross' && after.mark ? credit(after, Math.max(0, cell.high - intent.to)) : after;
      },
    }),
  },
  N21: { says: 'a first count of sales is taken for news', under: where(['ebay', 'meli-classic'], { race: 0.5 }, { loss: 2 }), design: counting(cell => cell.tally ? cell : { ...cell, tally: { units: 0 } }) },
  N22: {
    says: 'what a line told of, a count of sales tells of again',
    under: where(['ebay', 'meli-classic'], { race: 0.5 }), design: counting(cell => cell.tally ? { ...cell, tally: { units: cell.tally.units } } : cell),
  },
  N23: {
    says: 'a count of sales that fell is news when it rises again',
    under: where(['ebay', 'meli-classic'], { race: 0.5, stale: 0.4, cancel: 0.4 }), design: counting(cell => cell, (before, after) => after.tally!.units < before.tally!.units ? { ...after, tally: { units: after.tally!.units } } : after),
  },
  N24: {
    says: 'a line that explains a count of sales counts as well',
    under: where(['ebay', 'meli-classic'], { race: 0.5, undelivered: 0.5 }), design: broken({
      orderLine: (ledger, fact, at) => {
        const cell = ledger.cells[fact.cell];
        return orderLine(cell ? withCell(ledger, fact.cell, { ...cell, counter: 0 }) : ledger, fact, at);
      },
    }),
  },
};

export const designs: Record<string, { says: string; design: Design }> = Object.fromEntries(
  Object.entries(changes).map(([name, { says, design, under }]) => [name, { says, design: under ? { ...design, under } : design }]),
);

/** Reads with what the cell knows of its channel's count of sales changed before, or after. */
function counting(before: (cell: Cell) => Cell, after: (was: Cell, is: Cell) => Cell = (_was, is) => is): Design {
  return broken({
    read: (ledger, fact, now) => {
      const cell = ledger.cells[fact.cell];
      if (!cell || fact.sold === undefined) return read(ledger, fact, now);
      const { ledger: next, says } = read(withCell(ledger, fact.cell, before(cell)), fact, now);
      return { ledger: cell.tally ? withCell(next, fact.cell, after(cell, next.cells[fact.cell]!)) : next, says };
    },
  }, { policy: restless });
}

function onlyRepeated(kind: Cell['terms']['kind']): Rules['mayRepeat'] {
  return (cell, now) => cell.terms.kind === kind ? cell.intent !== undefined && now < cell.intent.firstAt + 120_000 : rules.mayRepeat(cell, now);
}
