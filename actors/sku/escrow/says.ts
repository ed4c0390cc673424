/** What the ledger says, as messages: all of it on `exposure.>`, shortfalls as tasks, foreign raises as drift. Pure. */
import { accountOf } from './ledger.ts';
import type { Found } from '../exposure/record.ts';
import type { Said } from '../exposure/said.ts';
import type { Message, Place } from '../protocol.ts';

/** @param openedAt of the shortfall that is open */
export function messagesOf(sku: string, says: readonly Said[], { seq, at, correlation }: Place, openedAt: number | undefined): Message[] {
  return says.flatMap((said, i): Message[] => [
    { to: ['exposure', ...said.type.split('.'), sku], id: `exposure:${said.type}:${sku}:${seq}:${i}`, body: { ...said, sku, at }, correlation },
    ...alerts(sku, said, seq, at, correlation, openedAt),
  ]);
}

/** Nothing is promised of a SKU that mirrors, and elsewhere a closed order shows nothing again: whoever asks need not wait. */
export function permittedAtOnce(sku: string, line: string, place: Place): Message[] {
  return messagesOf(sku, [{ type: 'ship.permitted', cell: accountOf(line), line }], place, undefined);
}

function alerts(sku: string, said: Said, seq: number, at: number, correlation: string, openedAt = at): Message[] {
  switch (said.type) {
    case 'shortfall.opened':
    case 'shortfall.grew':
      // Whoever mirrored until now showed more than exists, all channels together: no news before a unit is really sold.
      return said.cause === 'entry' ? [] : [{
        to: ['dead', 'shortfall', 'exposure', sku],
        id: `shortfall:${sku}:${openedAt}`,
        body: {
          class: 'shortfall', sku, units: said.debt, cause: said.cause, rights: said.rights, at,
          message: `${said.debt} of ${sku} may be sold beyond what exists (${said.cause}): ${Object.entries(said.rights).map(([account, units]) => `${account} ${units}`).join(', ')}`,
          heals: 'the lowering of its channels, which is under way; a count that is higher',
        },
      }];
    case 'shortfall.sold':
      return [{
        to: ['dead', 'shortfall', 'exposure', sku],
        id: `shortfall:${sku}:${said.openedAt}:sold:${said.oversold}`,
        body: {
          id: `shortfall:${sku}:${said.openedAt}`,
          class: 'shortfall', sku, units: said.oversold, cause: said.cause, oversold: said.oversold, lines: said.lines, at,
          message: `${said.oversold} of ${sku} ${said.oversold === 1 ? 'is' : 'are'} sold beyond what exists (${said.cause}): ${listed(said.lines)}`,
          heals: 'a cancellation of these order lines, or a count that covers them',
        },
      }];
    case 'shortfall.closed':
      if (said.cause === 'entry' && said.oversold === 0) return [];
      return [{ to: ['dead', 'shortfall', 'exposure', sku], id: `shortfall:${sku}:${said.openedAt}:resolved`, body: closed(sku, said, correlation, at) }];
    case 'drift.found': return [drift(sku, { ...said, seq, at })];
    case 'drift.over': return [drift(sku, said, at)];
    default:
      return [];
  }
}

function drift(sku: string, { cell, seq, at, shown, rights, asWritten }: Found & { cell: string; asWritten?: true }, resolvedAt?: number): Message {
  const id = `drf-exposure-${sku}-${cell}-${seq}`;
  const isOver = resolvedAt !== undefined;
  return {
    to: ['drift', 'high', cell, sku],
    id: `${id}:${isOver ? 'resolved' : 'open'}`,
    body: {
      id, account: cell, sku, class: 'foreign-edit', severity: 'high', version: seq, expected: rights, observed: shown, observableAt: at, detectedAt: at, repairs: 0,
      ...(isOver ? { state: 'resolved', action: 'none', resolvedAt } : { state: 'open', action: `counted as what the channel may sell, and lowered where that is more than exists${asWritten ? again : ''}` }),
    },
  };
}

const again = '; it is what Plumb wrote last, so the channel, or a proxy before it, may have carried that out twice';

function closed(sku: string, { debt, cause, oversold, lines }: Extract<Said, { type: 'shortfall.closed' }>, correlation: string, at: number): object {
  return {
    class: 'shortfall', sku, resolved: true, by: correlation, units: debt, cause, oversold, lines, at,
    message: oversold === 0 ? `none of ${sku} was sold beyond what exists` : `${oversold} of ${sku} were sold beyond what exists: ${listed(lines)}`,
  };
}

function listed(lines: Extract<Said, { type: 'shortfall.closed' }>['lines']): string {
  return lines.map(({ line, units }) => `${units} in ${line}`).join(', ');
}
