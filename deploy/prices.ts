/** What a unit of each SKU is worth, and of which brand it is, from a CSV that a person keeps: read at start, and again when it changes. */
import { readFileSync, statSync } from 'node:fs';
import { CsvError, parse } from 'csv-parse/sync';
import type { Logger } from 'pino';

/** The file cannot be used; the message names file, line and value. */
export class PriceError extends Error {
  override readonly name = 'PriceError';
}

const lookEveryMs = 30_000;

export class Prices {
  readonly #file: string;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #goods: Goods;
  #changedAt: number;

  /** @throws {PriceError} */
  constructor(file: string, log: Logger, lookMs = lookEveryMs) {
    this.#file = file;
    this.#log = log;
    this.#goods = readGoods(file);
    this.#changedAt = statSync(file).mtimeMs;
    this.#timer = setInterval(() => this.#look(), lookMs);
    this.#timer.unref();
  }

  of(sku: string): number | undefined {
    return this.#goods.prices.get(sku);
  }

  /** Undefined where the file has no column of that name, or nothing in it. */
  brandOf(sku: string): string | undefined {
    return this.#goods.brands.get(sku);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** A file that cannot be used any more leaves the prices as they are. */
  #look(): void {
    try {
      const { mtimeMs } = statSync(this.#file);
      if (mtimeMs === this.#changedAt) return;
      this.#changedAt = mtimeMs;
      this.#goods = readGoods(this.#file);
      this.#log.info({ file: this.#file, skus: this.#goods.prices.size }, 'prices were read again');
    } catch (error) {
      this.#log.error({ err: error, file: this.#file }, 'prices could not be read again, the former ones stay');
    }
  }
}

/** @throws {PriceError} */
export function readPrices(file: string): ReadonlyMap<string, number> {
  return readGoods(file).prices;
}

interface Goods { prices: ReadonlyMap<string, number>; brands: ReadonlyMap<string, string> }

function readGoods(file: string): Goods {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PriceError(`${file}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  const prices = new Map<string, number>();
  const brands = new Map<string, string>();
  for (const { record: { sku, price, brand = '' }, info: { lines } } of rowsOf(file, text)) {
    if (sku === undefined || sku === '') throw new PriceError(`${file}:${lines}: sku: is missing`);
    if (brand !== '') brands.set(sku, brand);
    // Empty is unknown, not free.
    if (price === undefined || price === '') continue;
    if (!/^\d+(\.\d+)?$/.test(price)) throw new PriceError(`${file}:${lines}: price: ${JSON.stringify(price)} is no amount such as 12.50`);
    if (prices.has(sku)) throw new PriceError(`${file}:${lines}: sku: ${JSON.stringify(sku)} stands there twice`);
    prices.set(sku, Number(price));
  }
  return { prices, brands };
}

interface Row { record: { sku?: string; price?: string; brand?: string }; info: { lines: number } }

function rowsOf(file: string, text: string): Row[] {
  const columns = (header: string[]): string[] => {
    const missing = ['sku', 'price'].find(name => !header.includes(name));
    if (missing !== undefined) throw new PriceError(`${file}:1: has no column ${missing}, but ${header.join(', ')}`);
    return header;
  };
  try {
    return parse(text, { bom: true, columns, info: true, skip_empty_lines: true, trim: true }) as unknown as Row[];
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new PriceError(`${file}: is no table (${cause.message})`, { cause });
  }
}
