/** A run told for people: who did what, who knew what, and what everybody had by then. */
import { free, known } from '../../../actors/sku/exposure/ledger.ts';
import type { ExposureFact } from '../../../actors/sku/exposure.ts';
import type { Run } from './run.ts';
import type { Told, World } from './world.ts';

/** One line each: time, who, what. Polls, timers and readings that found nothing new are left out. */
export function story({ world, fired }: Run): string {
  const { conditions: { supply, cells } } = world;
  const lines = [
    `${supply} units; cells ${Object.entries(cells).map(([name, { kind }]) => `${name} (${kind})`).join(', ')}`,
    `left of the schedule: ${fired.join('; ') || 'nothing'}`,
    ...news(world.story ?? []).map(({ at, who, text }) => `${clock(at)}  ${who.padEnd(14)} ${text}`),
    `in the end: ${standing(world)}`,
  ];
  return lines.join('\n');
}

function news(all: readonly Told[]): Told[] {
  const seen = new Map<string, string>();
  return all.filter(({ who, text }) => {
    const cell = /^reads \d+ at ([^;]+)/.exec(text)?.[1] ?? (text.startsWith('is read') ? '' : undefined);
    if (cell === undefined) return true;
    const isNew = seen.get(`${who} ${cell}`) !== text;
    seen.set(`${who} ${cell}`, text);
    return isNew;
  });
}

function standing(world: World): string {
  const { store: { ledger } } = world;
  const cells = Object.values(world.channels).map(({ id, sellable }) => `${id} can sell ${sellable} and has rights to ${ledger.cells[id]?.rights}`);
  return `${world.supply} exist, ${world.netSold} sold; known ${known(ledger)}, free ${free(ledger)}; ${cells.join('; ')}`;
}

/** `d hh:mm:ss.mmm` of simulated time. */
function clock(ms: number): string {
  return `${Math.floor(ms / 86_400_000)} ${new Date(ms).toISOString().slice(11, 23)}`;
}

/** A fact in words; undefined where it tells nobody anything. */
export function inWords(fact: ExposureFact): string | undefined {
  switch (fact.type) {
    case 'orders.complete': case 'time.due': return undefined;
    case 'cell.linked': return `sells at ${fact.cell} from now on`;
    case 'order.line': return `learns of ${fact.line}: ${fact.units} at ${fact.cell}${fact.cancelled ? `, ${fact.cancelled} cancelled` : ''}${fact.closed ? ', closed' : ''}`;
    case 'stock.counted': return `learns of count ${fact.version}: ${fact.quantity}, containing ${fact.imported.join(', ') || 'no order'}`;
    case 'cell.read': return `reads ${fact.value} at ${fact.cell}${fact.sold === undefined ? '' : `, ${fact.sold} sold so far`}`;
    case 'write.intended': return `stores ${fact.id}: ${fact.from === undefined ? '' : `${fact.from} -> `}${fact.to}`;
    case 'write.repeated': return `stores that ${fact.id} is sent again`;
    case 'write.answered': return `is told that ${fact.id} is ${fact.outcome}${fact.after === undefined ? '' : `, ${fact.after} after it`}${fact.sold === undefined ? '' : `, ${fact.sold} sold so far`}`;
    case 'write.unanswered': return `has no answer to ${fact.id}`;
    case 'owner.new': return 'does not know what was sent';
    case 'ledger.lost': return 'notices that the record lost writes';
    case 'ship.asked': return `is asked to permit ${fact.line} to ship`;
    case 'mode.set': return `goes to ${fact.mode}`;
  }
}
