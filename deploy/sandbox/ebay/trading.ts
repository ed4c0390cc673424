/**
 * The Trading API as far as it keeps stock: one preference, quantities of listings that the Inventory API does not manage,
 * an item, and the list of all of the seller's. Errors come under a 200 (ebay.md 2.3).
 */
import { XmlElement, parseXml } from '@rgrove/parse-xml';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ShopListing } from '../kit/shop.ts';
import type { Grants } from './auth.ts';
import type { EbayShop } from './shop.ts';

export const tradingPath = '/ws/api.dll';
/** ebay.md 2.3 "Per call". */
const statusesMax = 4;
const longestWindowMs = 120 * 86_400_000;
const lifeMs = 30 * 86_400_000;

interface Refusal { code: number; text: string; about?: string[] }

const endedItem = (id: string): Refusal => ({ code: 21916750, text: 'FixedPrice item ended.', about: [id] });
const unknownItem = (id: string): Refusal => ({ code: 17, text: 'This item cannot be accessed because the listing has been deleted, or you are not the seller.', about: [id] });
export const usageLimit: Refusal = { code: 518, text: 'Your application has exceeded usage limit on this call.' };
export const internalError: Refusal = { code: 10007, text: 'Internal error to the application.' };

export function tradingRoutes(app: FastifyInstance, shop: EbayShop, grants: Grants, options: { outOfStockControl: boolean }, take: () => boolean): void {
  app.post(tradingPath, (request, reply) => {
    const name = String(request.headers['x-ebay-api-call-name'] ?? '');
    if (!grants.admitsToken(request.headers['x-ebay-api-iaf-token'])) return say(reply, name, 'Failure', refusal({ code: 932, text: 'Auth token is hard expired.' }));
    if (!take()) {
      shop.count('throttled');
      return say(reply, name, 'Failure', refusal(usageLimit));
    }
    const body = parsed(request.body);
    if (body?.name !== `${name}Request`) return say(reply, name, 'Failure', refusal({ code: 5, text: 'XML Parse error.' }));
    switch (name) {
      case 'GetUserPreferences': return say(reply, name, 'Success', textOf(body, 'ShowOutOfStockControlPreference') === 'true' ? `<OutOfStockControlPreference>${options.outOfStockControl}</OutOfStockControlPreference>` : '');
      case 'ReviseInventoryStatus': return revise(reply, body);
      case 'GetItem': return item(reply, textOf(body, 'ItemID') ?? '');
      case 'GetSellerList': return list(reply, body);
      default: return say(reply, name, 'Failure', refusal({ code: 2, text: 'Unsupported API call.' }));
    }
  });

  function revise(reply: FastifyReply, body: XmlElement): FastifyReply {
    const name = 'ReviseInventoryStatus';
    const wanted = elements(body, 'InventoryStatus').map(one => ({ id: textOf(one, 'ItemID') ?? '', sku: textOf(one, 'SKU'), quantity: Number(textOf(one, 'Quantity') ?? NaN) }));
    if (wanted.length === 0 || wanted.length > statusesMax) return say(reply, name, 'Failure', refusal({ code: 21916585, text: `1 to ${statusesMax} InventoryStatus containers are wanted.` }));
    const refused: Refusal[] = [];
    const done: string[] = [];
    for (const { id, sku, quantity } of wanted) {
      const found = find(id, sku);
      if ('code' in found) { refused.push(found); continue; }
      if (!Number.isInteger(quantity) || quantity < 0 || quantity > 2 ** 31 - 1) { refused.push({ code: 515, text: 'The quantity must be a valid number.', about: [sku ?? id] }); continue; }
      // ebay.md 2.3 "Revisions": 250 a day here as well; no code is documented.
      if (!shop.revise(found.sku)) { refused.push({ code: 21919028, text: 'The item has been revised too often today.', about: [sku ?? id] }); continue; }
      shop.setAvailable(found.sku, quantity);
      // Free and sold together; the SKU of a single listing may be an empty tag.
      done.push(`<InventoryStatus><SKU>${sku === undefined ? '' : escaped(sku)}</SKU><ItemID>${id}</ItemID><Quantity>${quantity + found.sold}</Quantity></InventoryStatus>`);
    }
    const ack = refused.length === 0 ? 'Success' : done.length === 0 ? 'Failure' : 'PartialFailure';
    return say(reply, name, ack, refused.map(refusal).join('') + done.reverse().join(''));
  }

  /** The SKU's listing that an id, and for a variation its SKU, stand for. */
  function find(id: string, sku: string | undefined): ShopListing | Refusal {
    const all = listingsOf(id);
    if (all.length === 0) return unknownItem(id);
    // ebay.md 0 line 9
    if (shop.isManaged(all[0]!.sku)) return { code: 21919474, text: 'Inventory-based listing management is not currently supported by this tool.', about: [id] };
    if (shop.kindOf(all[0]!.sku) === 'single') return shop.ended(all[0]!.sku) ? endedItem(id) : all[0]!;
    if (sku === undefined) return { code: 21916635, text: 'Invalid Multi-SKU item id.', about: [id] };
    return all.find(one => one.sku === sku) ?? { code: 21916799, text: 'SKU does not exist in Non-ManageBySKU item specified by ItemID.', about: [sku] };
  }

  function item(reply: FastifyReply, id: string): FastifyReply {
    const all = listingsOf(id);
    return all.length === 0 ? say(reply, 'GetItem', 'Failure', refusal(unknownItem(id))) : say(reply, 'GetItem', 'Success', itemOf(all));
  }

  /** ebay.md 3: all of the seller's, those of the Inventory API too. */
  function list(reply: FastifyReply, body: XmlElement): FastifyReply {
    const name = 'GetSellerList';
    const [from, to] = ['EndTimeFrom', 'EndTimeTo'].map(field => Date.parse(textOf(body, field) ?? '')) as [number, number];
    if (!(to - from <= longestWindowMs)) return say(reply, name, 'Failure', refusal({ code: 16, text: 'A range of dates of at most 120 days is wanted.' }));
    const [pagination] = elements(body, 'Pagination');
    const most = Number(pagination && textOf(pagination, 'EntriesPerPage'));
    const page = Number(pagination && textOf(pagination, 'PageNumber'));
    if (!(most >= 1 && most <= 200 && page >= 1)) return say(reply, name, 'Failure', refusal({ code: 21, text: 'Pagination is wanted, of 1 to 200 entries a page.' }));
    const items = [...new Set([...shop.listings.values()].map(({ fields }) => fields['listingId']!))];
    const shown = items.slice((page - 1) * most, page * most).map(id => itemOf(listingsOf(id))).join('');
    return say(reply, name, 'Success', `<PaginationResult><TotalNumberOfPages>${Math.ceil(items.length / most)}</TotalNumberOfPages><TotalNumberOfEntries>${items.length}</TotalNumberOfEntries></PaginationResult><HasMoreItems>${page * most < items.length}</HasMoreItems><ItemArray>${shown}</ItemArray>`);
  }

  function listingsOf(id: string): ShopListing[] {
    return [...shop.listings.values()].filter(({ fields }) => fields['listingId'] === id);
  }

  function itemOf(all: ShopListing[]): string {
    const [{ sku, fields }] = all as [ShopListing];
    const active = all.some(one => one.active);
    const numbers = (one: ShopListing): { quantity: number; sold: number } => {
      const { quantity, sold } = shop.read(one.sku)!;
      return { quantity: quantity + sold, sold };
    };
    const total = all.map(numbers).reduce((a, b) => ({ quantity: a.quantity + b.quantity, sold: a.sold + b.sold }));
    const variations = shop.kindOf(sku) !== 'variation' ? '' : `<Variations>${all.map(one => {
      const { quantity, sold } = numbers(one);
      return `<Variation><SKU>${escaped(one.sku)}</SKU><Quantity>${quantity}</Quantity><SellingStatus><QuantitySold>${sold}</QuantitySold></SellingStatus></Variation>`;
    }).join('')}</Variations>`;
    return `<Item><ItemID>${fields['listingId']}</ItemID><ListingDetails><EndTime>${new Date(shop.clock.now() + lifeMs).toISOString()}</EndTime></ListingDetails><ListingType>FixedPriceItem</ListingType>`
      + `<Quantity>${total.quantity}</Quantity><SellingStatus><QuantitySold>${total.sold}</QuantitySold><ListingStatus>${active ? 'Active' : 'Completed'}</ListingStatus></SellingStatus>`
      + `${variations === '' ? `<SKU>${escaped(sku)}</SKU>` : variations}</Item>`;
  }
}

export function say(reply: FastifyReply, name: string, ack: string, inner: string): FastifyReply {
  return reply.type('text/xml').send(`<?xml version="1.0" encoding="UTF-8"?>\n<${name}Response xmlns="urn:ebay:apis:eBLBaseComponents"><Timestamp>${new Date().toISOString()}</Timestamp><Ack>${ack}</Ack>${inner}</${name}Response>`);
}

export function refusal({ code, text, about = [] }: Refusal): string {
  const parameters = about.map((value, n) => `<ErrorParameters ParamID="${n}"><Value>${escaped(value)}</Value></ErrorParameters>`).join('');
  return `<Errors><ShortMessage>${text}</ShortMessage><LongMessage>${text}</LongMessage><ErrorCode>${code}</ErrorCode><SeverityCode>Error</SeverityCode>${parameters}<ErrorClassification>RequestError</ErrorClassification></Errors>`;
}

function parsed(body: unknown): XmlElement | undefined {
  try {
    return parseXml(String(body)).root ?? undefined;
  } catch {
    return undefined;
  }
}

function elements(of: XmlElement, name: string): XmlElement[] {
  return of.children.filter(child => child instanceof XmlElement).filter(child => child.name === name);
}

function textOf(of: XmlElement, name: string): string | undefined {
  return elements(of, name)[0]?.text;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
