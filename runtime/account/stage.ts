/**
 * How far an account has come on its way to being written, as people decided it: kept in its own record, so that every
 * owner obeys the same decision, and asked for each SKU before anything is sent.
 */
import type { StageName } from '../../actors/channel/protocol.ts';
import { OwnedRecord } from '../owned-record.ts';
import type { Records } from '../records.ts';
import { channelRecord, fnv1a } from '../subjects.ts';

/** SKUs that are live ahead of the others: a SKU that any of these names. */
export interface Slice {
  /** Of all SKUs, 1 to 100, always the same ones: more percent are those and others. */
  percent?: number;
  /** By the column `brand` of the prices file. */
  brands?: string[];
  skus?: string[];
}

/** As stored: the newest decision. */
export interface StageRecord {
  v: 1;
  account: string;
  stage: StageName;
  /** All of it is live where it is absent. */
  slice?: Slice;
  by: string;
  at: number;
}

export interface StagePorts {
  account: string;
  records: Records;
  /** Where it begins while nobody has decided anything: of the configuration. */
  begin: StageName;
  brandOf?(sku: string): string | undefined;
  onLost(reason: string): void;
}

/** SKUs that a slice may name one by one: the record must stay small. */
export const skusMost = 10_000;
const storeTries = 5;

export class Stage {
  readonly #p: StagePorts;
  readonly #record: OwnedRecord<StageRecord>;
  #decided: StageRecord | undefined;
  #skus: ReadonlySet<string> = new Set();
  #brands: ReadonlySet<string> = new Set();

  constructor(ports: StagePorts) {
    this.#p = ports;
    this.#record = new OwnedRecord(ports.records, channelRecord.stage(ports.account), ports.onLost);
  }

  /** @throws {PublishError} */
  async load(): Promise<void> {
    const stored = await this.#record.load();
    if (stored) this.#take(stored);
  }

  get name(): StageName {
    return this.#decided?.stage ?? this.#p.begin;
  }

  get slice(): Slice | undefined {
    return this.#decided?.slice;
  }

  /** Who decided it, and when; undefined while it is as configured. */
  get decided(): Pick<StageRecord, 'by' | 'at'> | undefined {
    return this.#decided && { by: this.#decided.by, at: this.#decided.at };
  }

  /** Whether this SKU may be written. */
  isLive(sku: string): boolean {
    return this.name === 'live' && (this.slice === undefined || this.isWithin(this.slice, sku));
  }

  /** Whether a slice has the SKU, live or not. */
  isWithin(slice: Slice, sku: string): boolean {
    const { percent = 0, brands = [], skus = [] } = slice;
    if (fnv1a(sku) % 100 < percent) return true;
    const isStanding = slice === this.slice;
    if (isStanding ? this.#skus.has(sku) : skus.includes(sku)) return true;
    if (brands.length === 0) return false;
    const brand = this.#p.brandOf?.(sku);
    return brand !== undefined && (isStanding ? this.#brands.has(brand) : brands.includes(brand));
  }

  /** Stores a decision. What may be written less is obeyed before it is stored, what may be written more only then. @throws {Error} where it could not be stored */
  async decide(stage: StageName, slice: Slice | undefined, by: string): Promise<StageRecord> {
    const next: StageRecord = { v: 1, account: this.#p.account, stage, ...(slice && { slice }), by, at: Date.now() };
    if (stage !== 'live') this.#take(next);
    for (let tries = 1; ; tries++) {
      const saved = await this.#record.save(() => next);
      if (saved === 'stored') break;
      if (saved === 'lost' || tries === storeTries) throw new Error(`the stage of ${this.#p.account} could not be stored: ask again`);
    }
    this.#take(next);
    return next;
  }

  #take(decided: StageRecord): void {
    this.#decided = decided;
    this.#skus = new Set(decided.slice?.skus);
    this.#brands = new Set(decided.slice?.brands);
  }
}

/** What is live of both: whoever is live already stays so. Undefined is all of it. */
export function widened(before: Slice | undefined, more: Slice): Slice {
  const list = (one: string[] = [], other: string[] = []): string[] => [...new Set([...one, ...other])].sort();
  const percent = Math.max(before?.percent ?? 0, more.percent ?? 0);
  const brands = list(before?.brands, more.brands);
  const skus = list(before?.skus, more.skus);
  return { ...(percent > 0 && { percent }), ...(brands.length > 0 && { brands }), ...(skus.length > 0 && { skus }) };
}

/** A slice as a person gave it. @returns undefined for all of the account @throws {RangeError} naming field and value */
export function sliceOf(given: unknown): Slice | undefined {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new RangeError(`slice: must be an object, got ${JSON.stringify(given)}`);
  const { percent, brands, skus, ...others } = given as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new RangeError(`slice: ${JSON.stringify(unknown)} is none of percent, brands, skus`);
  if (percent !== undefined && !(Number.isInteger(percent) && Number(percent) >= 1 && Number(percent) <= 100)) throw new RangeError(`slice.percent: must be a whole number from 1 to 100, got ${JSON.stringify(percent)}`);
  const names = (field: string, value: unknown): string[] => {
    if (!Array.isArray(value) || value.length === 0 || value.some(name => typeof name !== 'string' || name === '')) throw new RangeError(`slice.${field}: must be a list of names, got ${JSON.stringify(value)?.slice(0, 200)}`);
    if (value.length > skusMost) throw new RangeError(`slice.${field}: ${value.length} names, ${skusMost} at most: use a brand or a percentage`);
    return value as string[];
  };
  const slice = widened(undefined, {
    ...(percent !== undefined && { percent: percent as number }),
    ...(brands !== undefined && { brands: names('brands', brands) }),
    ...(skus !== undefined && { skus: names('skus', skus) }),
  });
  return Object.keys(slice).length === 0 || slice.percent === 100 ? undefined : slice;
}

/** For people. */
export function sliceText(slice: Slice | undefined): string {
  if (!slice) return 'all of it';
  const { percent, brands = [], skus = [] } = slice;
  return [
    ...(percent === undefined ? [] : [`${percent} % of the SKUs`]),
    ...(brands.length === 0 ? [] : [`${brands.length === 1 ? 'brand' : 'brands'} ${brands.join(', ')}`]),
    ...(skus.length === 0 ? [] : [skus.length > 3 ? `${skus.length} named SKUs` : skus.join(', ')]),
  ].join(' and ');
}
