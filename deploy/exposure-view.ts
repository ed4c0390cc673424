/** What a SKU's channels may sell, as people ask for it: from its record, the settings in force, and what accounts measure. */
import { reasonToMirror } from '../actors/sku/escrow/mode.ts';
import { ledgerOf } from '../actors/sku/escrow/ledger.ts';
import { debt, free, sellable, totalRights } from '../actors/sku/exposure/ledger.ts';
import { modeOf } from '../actors/sku/exposure/mode.ts';
import type { ModeChoice } from '../actors/sku/exposure/mode.ts';
import { bufferFor } from '../actors/sku/exposure/safety-stock.ts';
import type { Buffer } from '../actors/sku/exposure/safety-stock.ts';
import { measuredOf, scarcityOf } from '../actors/sku/exposure/scarcity.ts';
import type { Delays } from '../actors/sku/exposure/scarcity.ts';
import type { Cell, Shortfall } from '../actors/sku/exposure/ledger.ts';
import { waitsAs } from '../actors/sku/escrow/acts.ts';
import { droppedCode } from '../actors/sku/protocol.ts';
import type { Stock } from '../actors/sku/protocol.ts';
import { target } from '../actors/sku/rules.ts';
import { known } from '../actors/sku/stock.ts';
import { lookup } from '../actors/own-keys.ts';
import { heals } from './durability.ts';
import type { SkuSettings } from './sku-settings.ts';

export interface ExposureView {
  sku: string;
  mode: 'mirror' | 'escrow';
  /** Why it is in this mode, in words. */
  why: string;
  /** Epoch ms; absent in mirror mode, and while a debt from before is being worked off. */
  inForceSince?: number;
  /** Units that exist and are promised to nobody; absent until counted. */
  known?: number;
  /** Units in no channel's rights, and what is missing of them. */
  free?: number;
  rights?: number;
  debt?: number;
  /** Units that channels counted as sold, and of which no order has told yet: they are neither in rights nor free. */
  counted?: number;
  shortfall?: Shortfall;
  /** The source's number is not believed yet: it contains these. */
  waitsFor?: string[];
  channels: ChannelView[];
  /** What scarcity would choose, with the numbers behind it. */
  scarcity: ModeChoice & { unitsPerHour: number; delayMs?: number };
}

export interface ChannelView {
  account: string;
  kind?: string;
  /** Its channel was seen not to keep what is declared of its writes, for which they count as `kind`. */
  isWeak?: true;
  /** What it should show: in escrow what it may sell. */
  shows?: number;
  rights?: number;
  /** Units ever sold by the channel's own count, as last read; of these so many are in no order yet, the last of them counted then. */
  sales?: { units: number; unlisted: number; since?: number };
  /** A write that may or may not have been carried out. */
  inDoubt?: { to: number; from?: number; reserved: number; attempts: number; until: number };
  /** A write that waits for a person, as one of too many at once; or that one dropped. */
  held?: { to: number; dropped?: true };
  /** Units held back by its rule, and those that would keep the accepted risk. */
  buffer: number;
  computed: Buffer;
}

/** What keeps a SKU from an escrow that its scarcity asks for. */
export interface Bars {
  /** Every SKU. */
  mirrorOnly?: string | undefined;
  /** Accounts that somebody else writes, all of them or in part. */
  shared: ReadonlySet<string>;
}

export function exposureView(stock: Stock, settings: Pick<SkuSettings, 'exposure' | 'debounce'>, delays: Readonly<Record<string, Delays>>, bars: Bars, now: number): ExposureView {
  const { exposure, sku } = stock;
  const { risk = 0.001, unmeasuredMs = 900_000, pace } = settings.exposure ?? {};
  const ledger = exposure && ledgerOf(stock, exposure, settings.exposure);
  const units = known(stock);
  const counted = Object.values(ledger?.cells ?? {}).reduce((sum, { counter }) => sum + counter, 0);
  const measured = measuredOf(stock, delays, now, pace);
  const scarcity = scarcityOf(stock, measured, settings.debounce.hardMs);
  const mode = exposure ? 'escrow' : 'mirror';
  const choice = modeOf(mode, { ...scarcity, delayMs: scarcity.delayMs ?? unmeasuredMs }, risk);
  return {
    sku, mode, why: whyOf(stock, settings, choice, bars),
    ...(exposure?.inForceSince !== undefined && { inForceSince: exposure.inForceSince }),
    ...(units !== undefined && { known: units }),
    ...(ledger?.count && { free: free(ledger)!, rights: totalRights(ledger), debt: debt(ledger) }),
    ...(counted > 0 && { counted }),
    ...(exposure?.shortfall && { shortfall: exposure.shortfall }),
    ...(exposure?.waiting && { waitsFor: exposure.waiting.ids }),
    channels: Object.keys(stock.outlets).sort().map((account): ChannelView => {
      const outlet = stock.outlets[account]!;
      const cell = ledger && lookup(ledger.cells, account);
      const { intent } = cell ?? {};
      const shows = cell ? sellable(ledger!, account) : units === undefined ? undefined : target(stock, account, outlet, units);
      return {
        account,
        ...(cell && { kind: cell.terms.kind, rights: cell.rights, ...(exposure!.cells[account]!.weak && { isWeak: true as const }), ...salesOf(cell) }),
        ...(shows !== undefined && { shows }),
        ...(intent && { inDoubt: { to: intent.to, ...(intent.from !== undefined && { from: intent.from }), reserved: intent.reserved, attempts: intent.attempts, until: intent.until } }),
        ...(cell && waitsAs(outlet) && { held: { to: outlet.intent!.quantity, ...(outlet.answer?.code === droppedCode && { dropped: true as const }) } }),
        buffer: outlet.rule.buffer,
        computed: bufferFor(account, measured, { risk, debounceMs: settings.debounce.hardMs, unmeasuredMs }),
      };
    }),
    scarcity: { ...choice, unitsPerHour: scarcity.unitsPerHour, ...(scarcity.delayMs !== undefined && { delayMs: scarcity.delayMs }) },
  };
}

function salesOf({ tally, counter, countedSince }: Cell): Pick<ChannelView, 'sales'> {
  return tally ? { sales: { units: tally.units, unlisted: counter, ...(countedSince !== undefined && { since: countedSince }) } } : {};
}

function whyOf(stock: Stock, { exposure: settings }: Pick<SkuSettings, 'exposure'>, { mode: chosen, why }: ModeChoice, bars: Bars): string {
  const { exposure, mode, outlets } = stock;
  if (exposure && exposure.why !== 'pinned') return `auto: ${exposure.why}`;
  const wanted = mode ?? settings?.mode ?? 'mirror';
  const by = mode === undefined ? `exposure.mode of the configuration is ${wanted}` : `people have set ${mode}`;
  if (exposure || wanted === 'mirror') return by;
  const against = reasonToMirror(stock);
  if (against !== undefined) return `${by}, but ${against}`;
  if (wanted === 'escrow') return by;
  if (Object.values(outlets).filter(({ rule }) => !rule.skip).length < 2) return `${by}: it is sold at one channel`;
  const bar = chosen === 'escrow' ? barOf(outlets, bars) : undefined;
  return bar === undefined ? `${by}: ${why}` : `${by}, and it is ${why}, but ${bar}`;
}

function barOf(outlets: Stock['outlets'], { mirrorOnly, shared }: Bars): string | undefined {
  const account = Object.keys(outlets).find(each => shared.has(each));
  if (account !== undefined) return `${account} is not live, or in part`;
  return mirrorOnly && `${mirrorOnly}: ${heals}`;
}
