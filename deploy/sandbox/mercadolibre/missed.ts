/** Notifications that nobody took, by the application that they were for (mercadolibre.md 6.3 "Lost ones"). */
import type { FastifyInstance } from 'fastify';
import { invalid, refuse } from './errors.ts';
import type { Market } from './market.ts';

const keptMs = 2 * 86_400_000;

export class MissedFeeds {
  readonly #market: Market;
  readonly #messages: { at: number; body: Record<string, unknown> }[] = [];

  constructor(market: Market) {
    this.#market = market;
  }

  add(body: string): void {
    this.#messages.push({ at: this.#market.clock.now(), body: JSON.parse(body) as Record<string, unknown> });
  }

  routes(app: FastifyInstance): void {
    const market = this.#market;
    app.get<{ Querystring: Record<string, string | undefined> }>('/missed_feeds', (request, reply) => {
      const { query } = request;
      if (!market.isOwner(request, reply) || !market.pays('others', reply)) return reply;
      const { app_id, topic } = query;
      if (app_id !== market.oauth.clientId) return refuse(reply, 403, 'access_denied', 'the caller is not of the application');
      const [limit, offset] = [Number(query['limit'] ?? 10), Number(query['offset'] ?? 0)];
      if (!(limit >= 1) || !(offset >= 0)) return invalid(reply, 'paging', `limit must be 1 or more and offset 0 or more, got ${query['limit']} and ${query['offset']}`);
      const since = market.clock.now() - market.clock.real(keptMs);
      const kept = this.#messages.filter(({ at, body }) => at >= since && (topic === undefined || body['topic'] === topic));
      return {
        messages: kept.slice(offset, offset + limit).map(({ body }) => ({
          ...body,
          request: { url: 'https://plumb.example/hooks', headers: { 'content-type': 'application/json' }, data: JSON.stringify(body) },
          response: { req_time: 500, http_code: 500, body: '', headers: {} },
        })),
      };
    });
  }
}
