/** What `plumb exposure` shows to people. */
import Table from 'cli-table3';
import type { ExposureView } from '../exposure-view.ts';

export function exposureText(view: ExposureView): string {
  const { sku, mode, why, inForceSince, known, free, rights, debt, counted, shortfall, waitsFor, channels, scarcity } = view;
  const force = mode === 'mirror' ? '' : inForceSince === undefined ? ', not in force: a debt from before is worked off' : `, in force since ${time(inForceSince)}`;
  const lines = [
    `SKU ${sku}: ${mode}${force} (${why})`,
    known === undefined ? 'never counted' : mode === 'mirror' ? `${known} available` : `${known} available = ${rights} in channels' rights + ${free} free${counted ? ` + ${counted} counted as sold, of which no order tells yet` : ''}${debt ? `; ${debt} could be sold beyond what exists` : ''}`,
    ...shortfall ? [`shortfall since ${time(shortfall.openedAt)} (${shortfall.cause}): ${shortfall.debt} at most, ${shortfall.oversold} really sold${shortfall.lines.map(({ line, units }) => `, ${units} in ${line}`).join('')}`] : [],
    ...waitsFor ? [`the source's newest number is not believed yet: it contains ${waitsFor.join(', ') || 'orders'} that are not learnt`] : [],
    '',
    mode === 'escrow' ? cells(channels) : buffers(channels),
    '',
    numbers(scarcity),
  ];
  return `${lines.join('\n')}\n`;
}

function cells(channels: ExposureView['channels']): string {
  const table = new Table({ head: ['channel', 'kind', 'rights', 'shows', 'its count of sales', 'write in doubt, or held'], style: { head: [], border: [] } });
  for (const { account, kind, isWeak, rights, shows, sales, inDoubt, held } of channels) {
    const waits = held && `to ${held.to}: ${held.dropped ? 'a person dropped it' : 'held as one of too many (plumb hold)'}`;
    const doubt = inDoubt ? `${inDoubt.from === undefined ? '' : `${inDoubt.from} `}→ ${inDoubt.to}, ${inDoubt.reserved} reserved, sent ${inDoubt.attempts} ×, over at ${time(inDoubt.until)}` : undefined;
    table.push([account, kind === undefined ? 'not in the ledger' : isWeak ? `${kind}: its conditions were seen broken` : kind, rights ?? '', shows ?? 'to be read', sales ? told(sales) : '', [doubt, waits].filter(Boolean).join('; ')]);
  }
  return table.toString();
}

function told({ units, unlisted, since }: NonNullable<ExposureView['channels'][number]['sales']>): string {
  return unlisted === 0 ? String(units) : `${units}, ${unlisted} in no order yet${since === undefined ? '' : ` since ${time(since)}`}`;
}

function buffers(channels: ExposureView['channels']): string {
  const table = new Table({ head: ['channel', 'shows', 'buffer by rule', 'buffer by risk', 'units an hour, all', 'delay', 'mean sold within'], style: { head: [], border: [] } });
  for (const { account, shows, buffer, computed: { units, unitsPerHour, delayMs, isAssumed, mean } } of channels) {
    table.push([account, shows ?? '', buffer, units, round(unitsPerHour), `${Math.round(delayMs / 1_000)} s${isAssumed ? ', assumed' : ''}`, round(mean)]);
  }
  return table.toString();
}

function numbers({ mode, why, escrowBelow, mirrorAbove, mean, risk, unitsPerHour, delayMs }: ExposureView['scarcity']): string {
  const by = `${round(unitsPerHour)} units an hour, ${delayMs === undefined ? 'no delay measured' : `${Math.round(delayMs / 1_000)} s from a sale until all channels show it`}`;
  if (escrowBelow === undefined) return `scarcity asks for ${mode} (${why}): ${by}`;
  return `scarcity asks for ${mode} (${why}): escrow below ${escrowBelow} units, mirror above ${mirrorAbove}; ${by}; ${round(mean!)} are sold within that, a sell-out without a buffer oversells in ${round(100 * risk!)} of 100`;
}

const round = (value: number): string => value.toFixed(value >= 10 || Number.isInteger(value) ? 0 : 2);

function time(at: number): string {
  return new Date(at).toISOString();
}
