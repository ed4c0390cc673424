/** A fact of a SKU's journal in words. Pure. */
import type { SkuFact } from '../../actors/sku/protocol.ts';
import type { RuntimeFact } from '../../runtime/handle.ts';
import type { Moment } from './protocol.ts';

type Told = Pick<Moment, 'kind' | 'text' | 'account' | 'mood'>;

export function factText(fact: SkuFact | RuntimeFact | undefined): Told {
  switch (fact?.type) {
    case 'stock.counted': return { kind: 'erp', text: `${fact.source} counted ${fact.quantity}${at(fact.location)}${fact.reserved ? `, ${fact.reserved} of it committed` : ''}` };
    case 'stock.adjusted': return { kind: 'erp', text: `${fact.source}: ${signed(fact.delta)}${at(fact.location)}${fact.reason ? ` (${fact.reason})` : ''}` };
    case 'stock.reserved': return { kind: 'erp', text: `${fact.source} commits ${signed(fact.delta)}${at(fact.location)}` };
    case 'kit.defined': return { kind: 'erp', text: `${fact.source}: made of ${Object.entries(fact.parts).map(([part, units]) => `${units} × ${part}`).join(', ') || 'nothing'}` };
    case 'order.placed': return { kind: 'order', account: fact.account, text: `sold ${fact.units}, ${fact.line}` };
    case 'order.cancelled': return { kind: 'order', account: fact.account, text: `cancelled ${fact.units} of ${fact.line}` };
    case 'order.shipped': return { kind: 'order', account: fact.account, text: `shipped ${fact.units} of ${fact.line}` };
    case 'order.returned': return { kind: 'order', account: fact.account, text: `returned ${fact.units} of ${fact.line}` };
    case 'write.answered': {
      const { account, outcome, quantity, code, message } = fact;
      const why = code === undefined && message === undefined ? '' : ` (${[code, message].filter(part => part !== undefined).join(': ')})`;
      return { kind: 'write', account, text: `${outcome} ${quantity}${why}`, ...(outcome === 'applied' ? { mood: 'good' } : outcome === 'refused' || outcome === 'ambiguous' ? { mood: 'bad' } : {}) };
    }
    case 'writes.applied': return { kind: 'write', text: `applied ${fact.answers.map(({ account, quantity }) => `${quantity} at ${account}`).join(', ')}`, mood: 'good' };
    case 'observed': return {
      kind: 'read', account: fact.account,
      text: fact.verdict === 'equal' ? `shows ${fact.quantity}: proven` : `shows ${fact.quantity}: drift${fact.finding === undefined ? '' : ` ${fact.finding}`}`,
      mood: fact.verdict === 'equal' ? 'good' : 'bad',
    };
    case 'listing.linked': return { kind: 'rule', account: fact.account, text: `listing ${fact.listing.id} linked${fact.shown === undefined ? '' : `, it showed ${fact.shown}`}` };
    case 'listing.unlinked': return { kind: 'rule', account: fact.account, text: 'listing unlinked' };
    case 'listing.drained': return { kind: 'rule', account: fact.account, text: `${fact.drained ? 'emptied' : 'filled again'} by ${fact.by}` };
    case 'rule.set': return { kind: 'rule', account: fact.account, text: `rule ${JSON.stringify(fact.rule)}${fact.by === undefined ? '' : ` by ${fact.by}`}` };
    case 'cell.read': return { kind: 'read', account: fact.account, text: `shows ${fact.quantity}${fact.sold === undefined ? '' : `, ${fact.sold} sold so far`}` };
    case 'orders.complete': return { kind: 'other', account: fact.account, text: 'orders are complete' };
    case 'owner.new': return { kind: 'other', account: fact.account, text: 'another node owns the account' };
    case 'writes.judged': return { kind: 'rule', account: fact.account, text: fact.kept ? 'its conditional writes are counted on again' : 'its conditional writes are not counted on any more', mood: fact.kept ? 'good' : 'bad' };
    case 'mode.set': return { kind: 'rule', text: `mode ${fact.mode ?? 'of the configuration'} set by ${fact.by}` };
    case 'ledger.lost': return { kind: 'rule', text: 'the broker lost facts: what each channel may sell is regained by proofs', mood: 'bad' };
    case 'mode.chosen': return { kind: 'rule', text: `mode ${fact.mode} chosen: ${fact.why}` };
    case 'timer.due': return { kind: 'other', text: `timer ${fact.id}` };
    case 'part.used': return { kind: 'other', text: `part of kit ${fact.kit}: ${fact.units} each` };
    case 'part.available': return { kind: 'other', text: `part ${fact.part}: ${fact.units ?? 'unknown'} available` };
    case 'record.kept': return { kind: 'rule', text: 'the journal lost what came before, the record is kept as it was' };
    case 'quarantine.released': return { kind: 'rule', text: `released${fact.skip === undefined ? '' : ` without message ${fact.skip}`}` };
    case undefined: return { kind: 'other', text: 'a message that cannot be read', mood: 'bad' };
    default: return { kind: 'other', text: (fact as { type: string }).type };
  }
}

const signed = (units: number): string => (units > 0 ? `+${units}` : String(units));
const at = (location: string | undefined): string => (location ? ` at ${location}` : '');
