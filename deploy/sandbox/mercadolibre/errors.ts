/** Refusals in the forms that the vendor's pages print (mercadolibre.md 1, 4, 5). */
import type { FastifyReply } from 'fastify';

/** `{message, error, status, cause}`. */
export const refuse = (reply: FastifyReply, status: number, error: string, message: string): unknown =>
  reply.code(status).send({ message, error, status, cause: [] });

export const notFound = (reply: FastifyReply, what: string): unknown => refuse(reply, 404, 'not_found', `${what} not found`);

/** mercadolibre.md 5: a 400 whose cause names the rule. */
export const invalid = (reply: FastifyReply, code: string, message: string): unknown =>
  reply.code(400).send({
    message: 'Validation error',
    error: 'validation_error',
    status: 400,
    cause: [{ department: 'items', cause_id: 100, type: 'error', code, references: [], message }],
  });

/** mercadolibre.md 4: three bodies are printed for the same thing, and no header. */
const throttles = [
  { message: 'Too Many Requests', error: 'too_many_requests', status: 429, cause: [] },
  { error: 'too_many_requests', message: 'client.id over quota', status: 429 },
  { code: 'too_many_requests', message: 'quota exceeded' },
];
let throttled = 0;

export const throttle = (reply: FastifyReply): unknown => reply.code(429).send(throttles[throttled++ % throttles.length]);
