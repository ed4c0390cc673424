/** `GET /metrics`, `/healthz` and `/readyz` of one node, over HTTP. */
import Fastify from 'fastify';
import type { FastifyReply } from 'fastify';
import type { Logger } from 'pino';
import type { NodeSeries } from './node-series.ts';

export interface MetricsPorts {
  host: string;
  port: number;
  node: string;
  series: NodeSeries;
  /** Why this process should be started again; undefined while it is well. */
  ill(): string | undefined;
  /** Why it does not serve its share of the work now; undefined while it does. */
  idle(): string | undefined;
  log: Logger;
}

export interface OpenMetrics {
  /** `http://<host>:<port>` */
  url: string;
  close(): Promise<void>;
}

/** @throws {Error} when the address cannot be listened on */
export async function openMetrics({ host, port, node, series, ill, idle, log }: MetricsPorts): Promise<OpenMetrics> {
  const app = Fastify({ forceCloseConnections: true });
  const answer = (reply: FastifyReply, problem: string | undefined): FastifyReply => reply.code(problem === undefined ? 200 : 503).send({ ok: problem === undefined, node, ...(problem !== undefined && { problem }) });
  app.setNotFoundHandler((request, reply) => reply.code(404).send({ ok: false, problem: `${request.method} ${request.url.slice(0, 100)}: GET /metrics, /healthz and /readyz are all there is` }));
  app.setErrorHandler((error, _request, reply) => {
    log.error({ err: error }, 'figures could not be told');
    return reply.code(500).send({ ok: false, problem: 'the figures could not be told, the node\'s log says why' });
  });
  app.get('/metrics', async (_request, reply) => reply.type(series.contentType).send(await series.text()));
  app.get('/healthz', async (_request, reply) => answer(reply, ill()));
  app.get('/readyz', async (_request, reply) => answer(reply, ill() ?? idle()));
  await app.listen({ host, port });
  const [{ address, family, port: taken }] = app.addresses() as [{ address: string; family: string; port: number }];
  return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`, close: () => app.close() };
}
