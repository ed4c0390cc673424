/** Walmart's ways to say no: three JSON body shapes and an edge that speaks HTML. All have been seen in production. */
import type { FastifyReply } from 'fastify';

type Shape = 'documented' | 'gateway' | 'xml-heritage';

interface Refusal {
  status: number;
  code: string;
  description: string;
  field?: string;
  category?: 'APPLICATION' | 'SYSTEM' | 'REQUEST' | 'DATA';
}

/** walmart.md 5: "Handle all three body shapes". */
export function refuse(reply: FastifyReply, shape: Shape, { status, code, description, field, category = 'REQUEST' }: Refusal): FastifyReply {
  const where = field === undefined ? {} : { field };
  const severity = 'ERROR';
  switch (shape) {
    case 'documented':
      return reply.code(status).send({ errors: [{ code, message: description, category, severity, ...where }] });
    case 'gateway':
      return reply.code(status).send({ error: [{ code, ...where, description, info: description, severity, category, causes: [], errorIdentifiers: {} }] });
    case 'xml-heritage':
      return reply.code(status).send({ errors: { error: { code, ...where, description, severity, category } } });
  }
}

/** walmart.md 5: "no body, HTML, or plain 503/504: edge before the gateway". */
export function edge(reply: FastifyReply, status: 503 | 504): FastifyReply {
  return reply.code(status).type('text/html').send(`<html><body><h1>${status} Service Unavailable</h1></body></html>`);
}

/** A query as it was sent, `+` left alone: Walmart wants a space as `%20`, never as `+`. */
export function rawQuery(url: string, name: string): string | undefined {
  const pairs = (url.split('?')[1] ?? '').split('&').map(pair => pair.split('='));
  const value = pairs.find(([key]) => key === name)?.[1];
  return value === undefined ? undefined : decodeURIComponent(value);
}
