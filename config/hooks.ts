/** Schema of `hooks`: which accounts' channels may tell of changes, by `POST /hooks/<account>` or a queue. docs/channels.md. */
import { z } from 'zod';
import { secret } from './secret.ts';

const text = z.string().min(1);

const queueSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('The queue\'s address.'),
  region: text.optional().describe('Where the address does not name it.'),
  waitS: z.number().int().min(0).max(20).default(20).describe('How long an empty queue is waited for, seconds.'),
  hiddenS: z.number().int().min(1).max(43_200).default(60).describe('A message that was not removed comes again after so long, seconds.'),
  accessKeyId: text.optional().describe('Without them AWS\'s own chain: environment, profile, role of the machine or the pod.'),
  secretAccessKey: text.optional().meta(secret).describe('Goes with it.'),
}).refine(({ accessKeyId, secretAccessKey }) => (accessKeyId === undefined) === (secretAccessKey === undefined), { path: ['secretAccessKey'], message: 'goes with accessKeyId: both or none' })
  .transform(({ region, ...queue }, context) => {
    const found = region ?? /^sqs\.([a-z0-9-]+)\.amazonaws\./.exec(new URL(queue.url).hostname)?.[1];
    if (found !== undefined) return { ...queue, region: found };
    context.addIssue({ code: 'custom', path: ['region'], message: `is wanted, for ${queue.url} names none` });
    return z.NEVER;
  });

export type QueueSettings = z.output<typeof queueSchema>;

const hookSchema = z.strictObject({
  verificationToken: z.string().regex(/^[A-Za-z0-9_-]{32,80}$/, 'must be 32 to 80 of A-Z, a-z, 0-9, _ and -').optional().meta(secret).describe('eBay: as registered with the destination, to the letter.'),
  endpoint: z.url().optional().describe('eBay: the address that eBay sends to, as registered.'),
  header: z.string().regex(/^[A-Za-z0-9_.-]+$/, 'must be the name of a header').optional().describe('Walmart: `authHeaderName` of the subscription.'),
  method: z.enum(['HMAC', 'BASIC_AUTH', 'OAUTH']).optional().describe('Walmart: `authMethod` of the subscription.'),
  user: text.optional().describe('Walmart: `userName`, or `clientId`, of a subscription that is not HMAC.'),
  password: text.optional().meta(secret).describe('Walmart: its `password`, or `clientSecret`.'),
  shop: text.optional().describe('Shopify: `<shop>.myshopify.com`, where the account\'s address is another.'),
  previousSecret: text.optional().meta(secret).describe('Shopify: the app\'s secret before a rotation, while both may sign.'),
  queue: queueSchema.optional().describe('Amazon: the SQS queue that its notifications are sent to.'),
});

export const hooksSchema = z.strictObject({
  host: z.string().default('127.0.0.1').describe('The address to listen on. Put TLS in front of it.'),
  port: z.number().int().min(0).max(65_535).optional().describe('0 takes a free one. Without one nothing is listened to: enough where all that is named sends by a queue.'),
  maxOpen: z.number().int().min(1).default(200).describe('Deliveries worked on at the same time, per node; more are asked to come back.'),
  maxBytes: z.number().int().min(1).max(8 * 1024 * 1024).default(1024 * 1024).describe('Bytes of one body.'),
  accounts: z.record(z.string(), hookSchema).describe('By account. An account that is not named takes none.'),
});

export type HooksDoor = z.output<typeof hooksSchema>;
