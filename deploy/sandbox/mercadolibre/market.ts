/** What the routes of the sandbox share: the seller, the shop, the tokens and the rates. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Bucket } from '../kit/clock.ts';
import type { SandboxClock } from '../kit/clock.ts';
import type { Shop } from '../kit/shop.ts';
import type { Catalogue } from './catalogue.ts';
import { refuse, throttle } from './errors.ts';
import type { Oauth } from './oauth.ts';

/** Units that Full holds of each product sold from Full and Flex; they sell by themselves and are nobody's business here. */
export const fullUnits = 5;

export interface Store {
  id: string;
  nodeId: string;
}

export interface Shape {
  /** mercadolibre.md 2.1 F: tag `warehouse_management`, with `multiwarehouse` for several. Absent: one origin. */
  stores?: readonly Store[];
  /** Whether a versioned write tells the new version. Not documented, so not by default. */
  versionInAnswer?: boolean;
  /** Whether each user product has two items. */
  twins?: boolean;
}

/** Calls a second and at once, as `config/limits/mercadolibre.yaml` has them. */
export const limits = {
  /** mercadolibre.md 4: 100 a minute, printed. */
  userProductStock: { perSecond: 1.5, burst: 10 },
  /** mercadolibre.md 4: nothing printed; 1,500 a minute is the community's number. */
  others: { perSecond: 25, burst: 25 },
};

export class Market {
  readonly site: string;
  readonly userId: string;
  readonly clock: SandboxClock;
  readonly shop: Shop;
  readonly oauth: Oauth;
  readonly catalogue: Catalogue;
  readonly shape: Shape;
  /** Units in a seller's other warehouses, by SKU and store id; the first store's are the shop's. */
  readonly elsewhere = new Map<string, Map<string, number>>();
  readonly #stock: Bucket;
  readonly #others: Bucket;

  constructor(parts: { site: string; userId: string; clock: SandboxClock; shop: Shop; oauth: Oauth; catalogue: Catalogue; shape: Shape }) {
    this.site = parts.site;
    this.userId = parts.userId;
    this.clock = parts.clock;
    this.shop = parts.shop;
    this.oauth = parts.oauth;
    this.catalogue = parts.catalogue;
    this.shape = parts.shape;
    this.#stock = new Bucket(this.clock, limits.userProductStock.perSecond, limits.userProductStock.burst);
    this.#others = new Bucket(this.clock, limits.others.perSecond, limits.others.burst);
  }

  get multiOrigin(): boolean {
    return this.shape.stores !== undefined;
  }

  get tags(): string[] {
    const stores = this.shape.stores?.length ?? 0;
    return ['normal', 'user_product_seller', ...(stores > 0 ? ['warehouse_management'] : []), ...(stores > 1 ? ['multiwarehouse'] : [])];
  }

  /** Units of a SKU in another warehouse. */
  elsewhereOf(sku: string): Map<string, number> {
    let units = this.elsewhere.get(sku);
    if (!units) {
      units = new Map(this.shape.stores?.slice(1).map(store => [store.id, 4]));
      this.elsewhere.set(sku, units);
    }
    return units;
  }

  /** Answers 429 and says false when the rate is used up. */
  pays(of: 'stock' | 'others', reply: FastifyReply): boolean {
    if ((of === 'stock' ? this.#stock : this.#others).take()) return true;
    this.shop.count('throttled');
    throttle(reply);
    return false;
  }

  /** Answers 401 and says false for a call that is not the seller's. */
  isOwner(request: FastifyRequest, reply: FastifyReply): boolean {
    const owner = this.oauth.owner(request, reply);
    if (owner === false) refuse(reply, 401, 'unauthorized', 'authorization value not present');
    return owner === true;
  }
}
