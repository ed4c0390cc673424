/**
 * A sandbox queue that speaks SQS's JSON protocol over HTTP, so that the real client is tested against it. It promises as
 * little as a standard queue: messages come at least once, in no order, and again when they were not removed in time.
 */
import { createHash, randomUUID } from 'node:crypto';
import Fastify from 'fastify';
import type { FastifyReply } from 'fastify';

interface Kept { id: string; body: string; visibleAt: number; receipt: string | undefined; received: number }

export interface SandboxQueue {
  /** What SQS calls the queue's URL. */
  url: string;
  /** Where a sandbox's notifications are sent to: the body of a POST is a message. */
  sendUrl: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  readonly counts: { received: number; removed: number; refused: number };
  /** What is there, hidden or not, and what was given up. */
  readonly bodies: string[];
  readonly dead: string[];
  send(body: string): void;
  /** Answers nothing but 503 while it is on. */
  fail(on: boolean): void;
  /** The next so many removals are answered and not carried out: their messages come again. */
  forgetRemovals(count: number): void;
  close(): Promise<void>;
}

/** `maxReceiveCount` of the redrive policy. */
const receivedMax = 20;
const lookMs = 20;

export async function startQueue({ hiddenMs, receivesMax = receivedMax }: { /** In place of what is asked for, so that a test need not wait. */ hiddenMs?: number; receivesMax?: number } = {}): Promise<SandboxQueue> {
  const credentials = { accessKeyId: `AKIA${randomUUID().slice(0, 8).toUpperCase()}`, secretAccessKey: randomUUID() };
  const messages = new Map<string, Kept>();
  const dead: string[] = [];
  const counts = { received: 0, removed: 0, refused: 0 };
  let failing = false;
  let forgotten = 0;

  const app = Fastify({ forceCloseConnections: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  const refuse = (reply: FastifyReply, status: number, type: string, message: string): FastifyReply => {
    counts.refused += 1;
    return reply.code(status).header('x-amzn-query-error', `${type};Sender`).type('application/x-amz-json-1.0').send(JSON.stringify({ __type: `com.amazonaws.sqs#${type}`, message }));
  };

  const receive = async (wanted: { MaxNumberOfMessages?: number; WaitTimeSeconds?: number; VisibilityTimeout?: number }, reply: FastifyReply): Promise<object> => {
    const until = Date.now() + (wanted.WaitTimeSeconds ?? 0) * 1_000;
    for (;;) {
      if (reply.raw.closed) return {};
      const now = Date.now();
      const ready = [...messages.values()].filter(({ visibleAt }) => visibleAt <= now).sort(() => Math.random() - 0.5).slice(0, wanted.MaxNumberOfMessages ?? 1);
      for (const message of ready.filter(({ received }) => received >= receivesMax)) {
        messages.delete(message.id);
        dead.push(message.body);
      }
      const given = ready.filter(({ received }) => received < receivesMax);
      if (given.length > 0 || now >= until) {
        for (const message of given) {
          message.visibleAt = now + (hiddenMs ?? (wanted.VisibilityTimeout ?? 30) * 1_000);
          message.received += 1;
          message.receipt = randomUUID();
        }
        counts.received += given.length;
        // As SQS does: no list at all where there is nothing.
        return given.length === 0 ? {} : { Messages: given.map(({ id, body, receipt }) => ({ MessageId: id, ReceiptHandle: receipt, MD5OfBody: createHash('md5').update(body).digest('hex'), Body: body })) };
      }
      await new Promise(resolve => setTimeout(resolve, lookMs));
    }
  };
  const remove = (receipt: string | undefined): object => {
    // A receipt of an earlier delivery may remove nothing; it is answered all the same.
    const found = [...messages.values()].find(message => message.receipt === receipt);
    if (found && forgotten > 0) forgotten -= 1;
    else if (found) {
      messages.delete(found.id);
      counts.removed += 1;
    }
    return {};
  };

  app.post('/', async (request, reply) => {
    if (failing) return refuse(reply, 503, 'ServiceUnavailable', 'The service is unavailable');
    const signed = /^AWS4-HMAC-SHA256 Credential=(\w+)\/\d{8}\/[a-z0-9-]+\/sqs\/aws4_request, SignedHeaders=[^,]*host[^,]*, Signature=[0-9a-f]{64}$/.exec(request.headers.authorization ?? '');
    if (signed?.[1] !== credentials.accessKeyId) return refuse(reply, 403, 'InvalidClientTokenId', 'The security token included in the request is invalid.');
    const asked = JSON.parse(request.body as string) as { QueueUrl?: string; ReceiptHandle?: string; MaxNumberOfMessages?: number; WaitTimeSeconds?: number; VisibilityTimeout?: number };
    if (asked.QueueUrl !== url()) return refuse(reply, 400, 'QueueDoesNotExist', 'The specified queue does not exist.');
    reply.type('application/x-amz-json-1.0');
    switch (request.headers['x-amz-target']) {
      case 'AmazonSQS.ReceiveMessage': return JSON.stringify(await receive(asked, reply));
      case 'AmazonSQS.DeleteMessage': return JSON.stringify(remove(asked.ReceiptHandle));
      default: return refuse(reply, 400, 'InvalidAction', `${String(request.headers['x-amz-target'])} is not served`);
    }
  });
  const send = (body: string): void => {
    const id = randomUUID();
    messages.set(id, { id, body, visibleAt: 0, receipt: undefined, received: 0 });
  };
  app.post('/_sandbox/send', (request, reply) => {
    send(request.body as string);
    return reply.send({});
  });
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  const url = (): string => `${origin}/000000000000/plumb`;
  return {
    url: url(), sendUrl: `${origin}/_sandbox/send`, credentials, counts, dead, send,
    get bodies() { return [...messages.values()].map(({ body }) => body); },
    fail(on) { failing = on; },
    forgetRemovals(count) { forgotten = count; },
    close: () => app.close(),
  };
}
