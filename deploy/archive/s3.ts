/** An archive in S3, or a server that speaks as it does, by AWS's own client. Loaded only where one is configured. */
import { createHash } from 'node:crypto';
import type { ArchiveStore } from '../../runtime/archive/store.ts';

export interface S3Settings {
  bucket: string;
  /** Before every name, without slashes at its ends; '' for none. */
  prefix: string;
  region?: string | undefined;
  /** Origin of another server than AWS's. */
  endpoint?: string | undefined;
  /** The bucket in the path and not in the name of the host: most servers other than AWS's want it. */
  pathStyle?: boolean | undefined;
  accessKeyId?: string | undefined;
  secretAccessKey?: string | undefined;
}

const answerMs = 60_000;

export async function openS3({ bucket, prefix, region, endpoint, pathStyle, accessKeyId, secretAccessKey }: S3Settings): Promise<ArchiveStore> {
  const { GetObjectCommand, ListObjectsV2Command, NoSuchKey, PutObjectCommand, S3Client, S3ServiceException } = await import('@aws-sdk/client-s3');
  const client = new S3Client({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(pathStyle !== undefined && { forcePathStyle: pathStyle }),
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: answerMs, throwOnRequestTimeout: true },
    // Without a pair, AWS's own chain: environment, profile, role of the machine or the pod.
    ...(accessKeyId !== undefined && secretAccessKey !== undefined && { credentials: { accessKeyId, secretAccessKey } }),
  });
  const keyOf = (name: string): string => (prefix === '' ? name : `${prefix}/${name}`);
  const nameOf = (key: string): string => (prefix === '' ? key : key.slice(prefix.length + 1));
  return {
    name: `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`,
    async putNew(name, bytes) {
      try {
        await client.send(new PutObjectCommand({
          Bucket: bucket, Key: keyOf(name), Body: bytes, IfNoneMatch: '*',
          // Checked by the server before it keeps it.
          ContentLength: bytes.length, ChecksumSHA256: createHash('sha256').update(bytes).digest('base64'),
        }));
        return 'stored';
      } catch (error) {
        // 409: another upload of that name is under way.
        if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 412) return 'there';
        throw error;
      }
    },
    async get(name) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: keyOf(name) }));
        return Body ? Buffer.from(await Body.transformToByteArray()) : Buffer.alloc(0);
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined;
        throw error;
      }
    },
    async list(folder) {
      const objects: string[] = [];
      const folders: string[] = [];
      let token: string | undefined;
      do {
        const page = await client.send(new ListObjectsV2Command({
          Bucket: bucket, Prefix: folder === '' ? (prefix === '' ? '' : `${prefix}/`) : `${keyOf(folder)}/`, Delimiter: '/',
          ...(token !== undefined && { ContinuationToken: token }),
        }));
        for (const { Key } of page.Contents ?? []) if (Key !== undefined && !Key.endsWith('/')) objects.push(nameOf(Key));
        for (const { Prefix } of page.CommonPrefixes ?? []) if (Prefix !== undefined) folders.push(nameOf(Prefix).replace(/\/$/, ''));
        token = page.IsTruncated ? page.NextContinuationToken : undefined;
      } while (token !== undefined);
      return { objects: objects.sort(), folders: folders.sort() };
    },
    close: () => client.destroy(),
  };
}
