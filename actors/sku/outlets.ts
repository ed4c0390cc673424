/** What becomes of one account's listing when it is linked, answered for or read. Pure. */
import { lookup } from '../own-keys.ts';
import { repair } from './debounce.ts';
import type { Sign } from './debounce.ts';
import type { Outlet, Place, Rule, SkuFact, Stock } from './protocol.ts';

type Fact<T extends SkuFact['type']> = Extract<SkuFact, { type: T }>;

export function withOutlet(stock: Stock, account: string, outlet: Outlet): Stock {
  return { ...stock, outlets: { ...stock.outlets, [account]: outlet } };
}

/** A rule that people set stays whatever an import gives; one for an account that is not linked waits for its listing. */
export function withRule(stock: Stock, { account, rule, version }: Fact<'rule.set'>): Stock {
  const outlet = lookup(stock.outlets, account);
  if (version === undefined) return outlet ? withOutlet(stock, account, ruled(outlet, rule)) : stock;
  if (version <= (lookup(stock.rules ?? {}, account)?.version ?? 0)) return stock;
  const kept = { ...stock, rules: { ...stock.rules, [account]: { rule, version } } };
  return outlet ? withOutlet(kept, account, ruled({ ...outlet, ruleVersion: version }, rule)) : kept;
}

export function withDrain(stock: Stock, { account, drained }: Fact<'listing.drained'>): Stock {
  const outlet = lookup(stock.outlets, account);
  if (!outlet || (outlet.drained === true) === drained) return stock;
  const { drained: _was, ...rest } = outlet;
  return withOutlet(stock, account, drained ? { ...rest, drained } : rest);
}

/** What is not to be written is intended no more; what it shows by then, nobody knows. */
function ruled(outlet: Outlet, rule: Rule): Outlet {
  if (!rule.skip) return { ...outlet, rule };
  const { listing, gross, drained, ruleVersion } = outlet;
  return { listing, gross, rule, ...(drained && { drained }), ...(ruleVersion !== undefined && { ruleVersion }) };
}

export function linked(stock: Stock, fact: Fact<'listing.linked'>): Stock {
  const set = lookup(stock.rules ?? {}, fact.account);
  const outlet = outletOf(lookup(stock.outlets, fact.account), fact);
  return withOutlet(stock, fact.account, ruled(set ? { ...outlet, ruleVersion: set.version } : outlet, set?.rule ?? fact.rule));
}

/** A listing linked as it is changes nothing; another one, or one that refused what was intended, begins anew. */
function outletOf(before: Outlet | undefined, { listing, gross, rule, shown }: Fact<'listing.linked'>): Outlet {
  const same = before?.intent !== undefined && before.listing.id === listing.id && before.answer?.outcome !== 'refused';
  return same ? { ...before, listing, gross, rule } : { listing, gross, rule, ...(before?.drained && { drained: true as const }), ...(shown !== undefined && { shown }) };
}

/** The broker lost what was written: what each channel shows, nobody knows. In escrow the ledger tells what follows. */
export function forgotten(stock: Stock, until: number): Stock {
  const late = { ...stock, lateUntil: Math.max(stock.lateUntil ?? 0, until) };
  if (stock.exposure) return late;
  const outlets = Object.entries(stock.outlets).map(([account, { intent: _intent, answer: _answer, proof: _proof, shown: _shown, ...rest }]): [string, Outlet] => [account, rest]);
  return { ...late, outlets: Object.fromEntries(outlets) };
}

/** A reading that differs from what was intended is what the channel shows. */
export function reread(stock: Stock, { account, version, quantity }: Fact<'observed'>): Stock {
  const { intent, answer: _answer, proof: _proof, ...rest } = lookup(stock.outlets, account) ?? {};
  return intent?.version === version ? withOutlet(stock, account, { ...rest as Omit<Outlet, 'intent'>, shown: quantity }) : stock;
}

export function answered(stock: Stock, fact: Fact<'write.answered'>, place: Place): Stock {
  const outlet = lookup(stock.outlets, fact.account);
  if (!outlet?.intent || outlet.intent.signature !== fact.signature) return stock;
  if (fact.outcome === 'applied') return proven(stock, fact.account, outlet.intent.version, fact.quantity, place, 'write');
  const answer = {
    signature: fact.signature,
    outcome: fact.outcome,
    at: place.at,
    ...(fact.until !== undefined && { until: fact.until }),
    ...(fact.code !== undefined && { code: fact.code }),
    ...(fact.message !== undefined && { message: fact.message }),
  };
  return withOutlet(stock, fact.account, { ...outlet, answer });
}

export function proven(stock: Stock, account: string, version: number, quantity: number, place: Place, by: 'write' | 'read'): Stock {
  const outlet = lookup(stock.outlets, account);
  if (!outlet?.intent || outlet.intent.version !== version || outlet.intent.quantity !== quantity) return stock;
  const { answer: _answer, ...rest } = outlet;
  return withOutlet(stock, account, { ...rest, proof: { version, quantity, at: place.at, by } });
}

/** A finding about an intent that is no longer the newest is answered by the newer one. */
export function drifted(stock: Stock, { account, version, quantity }: Fact<'observed'>, place: Place, sign: Sign): Stock {
  const outlet = lookup(stock.outlets, account);
  const { intent } = outlet ?? {};
  return outlet && intent?.version === version ? repair(stock, account, { ...outlet, intent }, quantity, place, sign) : stock;
}
