/** Schema of `archive`: where journals are kept for good. docs/archive.md. */
import { z } from 'zod';
import { secret } from './secret.ts';

const text = z.string().min(1);
const day = 86_400_000;

export const archiveSchema = z.strictObject({
  store: text.refine(store => !/^[a-z][a-z0-9+.-]*:/i.test(store) || /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/.*)?$/.test(store), 'must be a folder, or s3://<bucket>/<prefix>').describe('A folder, beside this file, or `s3://<bucket>/<prefix>`.'),
  region: text.optional().describe('Of the bucket. Where absent AWS\'s own chain: AWS_REGION, profile.'),
  endpoint: z.url({ protocol: /^https?$/ }).optional().describe('Origin of an S3-compatible server that is not AWS\'s; also AWS_ENDPOINT_URL_S3.'),
  pathStyle: z.boolean().optional().describe('The bucket in the path of addresses, as most such servers want it.'),
  accessKeyId: text.optional().describe('Without a pair AWS\'s own chain: environment, profile, role of the machine or the pod.'),
  secretAccessKey: text.optional().meta(secret).describe('Goes with accessKeyId.'),
  everyMs: z.number().int().min(1_000).max(day).refine(ms => day % ms === 0, 'must divide the day').default(300_000).describe('A segment holds the messages of so long: what can be lost with the broker.'),
  lateMs: z.number().int().min(0).default(3_600_000).describe('People are told of messages that were not archived after so long.'),
}).refine(({ accessKeyId, secretAccessKey }) => (accessKeyId === undefined) === (secretAccessKey === undefined), { path: ['secretAccessKey'], message: 'goes with accessKeyId: both or none' });

export type ArchiveConfig = z.output<typeof archiveSchema>;
