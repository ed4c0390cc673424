/** What a mapping made of a message, for people. */
import Table from 'cli-table3';
import type { SourceFact } from '../../actors/sku/ingest/canonical.ts';
import type { Mapped } from '../../actors/sku/ingest/mapping.ts';
import { positionText } from '../../actors/sku/position.ts';

const plainTable = {
  chars: {
    top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '',
    left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ',
  },
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
};

export function columns(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({ ...plainTable, head: [...head] });
  table.push(...rows.map(row => [...row]));
  return table.toString().split('\n').map(line => line.trimEnd()).join('\n');
}

export function report(file: string, { events, refusals, asks, ignored, notes }: Mapped): string {
  const lines = [`${file}: ${[
    told(events.length, 'event'), refusals.length > 0 && `${refusals.length} refused`, asks.length > 0 && told(asks.length, 'question'), Object.keys(ignored).length > 0 && `${sum(ignored)} left out`,
  ].filter(part => part !== false).join(', ')}`];
  if (events.length > 0) {
    const rows = events.map(({ sku, fact }) => [visible(sku), 'location' in fact ? visible(fact.location ?? '') : '', 'position' in fact ? positionText(fact.position) : '', says(fact)]);
    lines.push(indented(columns(['SKU', 'location', 'position', 'says'], rows)));
  }
  for (const { error, row } of refusals) lines.push(`  refused${row === undefined ? '' : `, row ${row}`}${error.class === 'unmapped' ? ', unmapped' : ''}: ${error.message}`);
  for (const { key, location } of asks) lines.push(`  to be asked for: ${visible(key)}${location === undefined ? '' : ` at ${visible(location)}`}`);
  for (const [reason, rows] of Object.entries(ignored)) lines.push(`  left out, ${told(rows, 'row')}: ${reason}`);
  for (const note of notes) lines.push(`  note: ${note}`);
  return `${lines.join('\n')}\n`;
}

/** Spaces at the ends are part of a name, and nobody would see them. */
function visible(name: string): string {
  return name === name.trim() ? name : JSON.stringify(name);
}

function says(fact: SourceFact): string {
  switch (fact.type) {
    case 'stock.counted': return [
      `there are ${fact.quantity}`, fact.reserved !== undefined && `${fact.reserved} of them reserved`, fact.countedAt !== undefined && `counted ${time(fact.countedAt)}`,
      fact.imported && `containing ${fact.imported.join(', ')}`, fact.importedThrough !== undefined && `containing orders through ${time(fact.importedThrough)}`,
    ].filter(part => part !== undefined && part !== false).join(', ');
    case 'stock.adjusted': return `${signed(fact.delta)}${fact.reason === undefined ? '' : ` (${fact.reason})`}`;
    case 'stock.reserved': return `reserved ${signed(fact.delta)}`;
    case 'kit.defined': return Object.keys(fact.parts).length === 0 ? 'no kit' : `a kit of ${Object.entries(fact.parts).map(([sku, units]) => `${units} x ${visible(sku)}`).join(', ')}`;
    case 'order.placed': return `${fact.line}: ${fact.units} ordered ${time(fact.createdAt)}`;
    case 'order.cancelled': return `${fact.line}: ${fact.units} cancelled`;
    case 'order.shipped': return `${fact.line}: ${fact.units} shipped`;
    case 'order.returned': return `${fact.line}: ${fact.units} returned`;
    case 'ship.asked': return `${fact.line}: may it be closed?`;
  }
}

const told = (many: number, what: string): string => `${many} ${what}${many === 1 ? '' : 's'}`;
const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((a, b) => a + b, 0);
const signed = (units: number): string => (units < 0 ? String(units) : `+${units}`);
const time = (ms: number): string => new Date(ms).toISOString();
const indented = (text: string): string => text.split('\n').map(line => `  ${line}`).join('\n');
