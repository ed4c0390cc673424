/**
 * What each channel promises of a write, for the exposure ledger: section 6 of the protocol, docs/exposure.md. What is not
 * proven of a vendor counts as the weaker.
 */
import type { Kind, Terms } from '../actors/sku/exposure/ledger.ts';
import type { AccountTerms, ExposureSettings } from '../actors/sku/exposure/record.ts';
import type { Config } from '../config/config.ts';
import type { ProbePorts } from '../runtime/account/conformance.ts';
import { profiles } from './channels.ts';

interface ChannelTerms {
  kind: Kind;
  /** Another kind for listings whose vendor field has one of these values. */
  withField?: { field: string; values: readonly string[]; kind: Kind };
  /** Vendor's ms. */
  holdMs: number;
  /** An answer is no proof, nor is an early read. */
  queued?: true;
  /** Orders that are counted as sold may be in no list for so long, vendor's ms; a day where left out. */
  unlistedMs?: number;
}

const minute = 60_000;
const day = 1_440 * minute;
const leakMs = 20 * minute;
/** How far a channel's count of its sales may be behind its orders is not documented anywhere. */
const countMs = 10 * minute;

/**
 * Shopify's keys are of a whole call, and a repeat would travel in another one: a write of it is not repeated. Where
 * carts and payments hold units is not documented: a quarter of an hour, eBay ten minutes. An order of eBay that is not paid
 * is counted as sold and may be in no list: buyers have four days to pay, and sellers some more to cancel.
 */
const channels: Readonly<Record<string, ChannelTerms>> = {
  shopify: { kind: 'swap', holdMs: 15 * minute },
  mercadolibre: { kind: 'set', withField: { field: 'way', values: ['selling_address', 'seller_warehouse'], kind: 'version' }, holdMs: 15 * minute },
  ebay: { kind: 'set', holdMs: 10 * minute, unlistedMs: 7 * day },
  amazon: { kind: 'set', queued: true, holdMs: 0 },
  walmart: { kind: 'gross', holdMs: 0 },
};

const weakest: ChannelTerms = { kind: 'set', queued: true, holdMs: 15 * minute };

/** A write that was stored just now has happened or never will after so long, whatever account it is of. */
export function longestLifeMs({ terms }: ExposureSettings): number {
  const all = Object.values(terms).flatMap(({ terms: own, withField }) => [own, ...withField ? [withField.terms] : []]);
  return all.reduce((most, { sendMs, lifeMs }) => Math.max(most, sendMs + lifeMs), 0);
}

/** What the account's owner looks at on its test listing. */
export function probePorts(config: Config, { account, channel, probe }: Config['accounts'][number]): ProbePorts | undefined {
  if (!probe) return undefined;
  const { terms, withField } = exposureSettings(config).terms[account]!;
  return {
    ...probe, timeScale: config.timeScale, withinMs: profiles[channel]?.verification.withinMs ?? minute,
    termsOf: ({ fields }) => (withField?.values.includes(fields[withField.field] ?? '') ? withField.terms : terms),
  };
}

export function exposureSettings({ exposure, accounts, channels: { callMs }, timeScale }: Pick<Config, 'exposure' | 'accounts' | 'channels' | 'timeScale'>): ExposureSettings {
  const terms = accounts.map(({ account, channel, exposure: own }): [string, AccountTerms] => {
    const { kind, withField, holdMs, queued, unlistedMs = day } = channels[channel] ?? weakest;
    const withinMs = profiles[channel]?.verification.withinMs ?? minute;
    const real = (vendorMs: number): number => Math.ceil(vendorMs / timeScale);
    const of = (each: Kind): Terms => ({
      kind: each,
      ...(queued && { queued }),
      sendMs: exposure.sendMs,
      answerMs: exposure.sendMs + callMs + 1_000,
      // A call that is on its way when its time is over may still arrive.
      lifeMs: callMs + real(own?.lifeMs ?? Math.max(minute, withinMs)),
      holdMs: real(own?.holdMs ?? holdMs),
      staleMs: real(own?.staleMs ?? withinMs),
      leakMs: real(own?.leakMs ?? leakMs),
      marginMs: exposure.marginMs,
      cap: exposure.cap,
      countMs: real(own?.countMs ?? countMs),
      unlistedMs: real(own?.unlistedMs ?? unlistedMs),
    });
    if (own?.kind !== undefined || !withField) return [account, { terms: of(own?.kind ?? kind) }];
    const { field, values } = withField;
    return [account, { terms: of(kind), withField: { field, values, terms: of(withField.kind) } }];
  });
  const { mode, risk, unmeasuredMs } = exposure;
  return { mode, risk, unmeasuredMs, ...(timeScale !== 1 && { pace: timeScale }), terms: Object.fromEntries(terms) };
}
