/** The real queue behind the port: Amazon SQS by its own client (docs/decisions/0014). Loaded only where one is configured. */
import type { Message } from '@aws-sdk/client-sqs';
import type { QueueSettings } from '../../../config/hooks.ts';
import type { NotificationQueue } from './queue.ts';

/** The most that SQS gives at once. */
const batch = 10;
/** Beyond the wait, ms. */
const answerMs = 5_000;

export async function openSqs({ url, region, waitS, hiddenS, accessKeyId, secretAccessKey }: QueueSettings): Promise<NotificationQueue> {
  const { SQSClient, ReceiveMessageCommand, DeleteMessageCommand } = await import('@aws-sdk/client-sqs');
  const client = new SQSClient({
    region,
    endpoint: new URL(url).origin,
    // One try a call: who asks again is the reader, and it tells.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: waitS * 1_000 + answerMs, throwOnRequestTimeout: true },
    // Without a pair, AWS's own chain: environment, profile, role of the machine or the pod.
    ...(accessKeyId !== undefined && secretAccessKey !== undefined && { credentials: { accessKeyId, secretAccessKey } }),
  });
  return {
    async receive(signal) {
      const command = new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: batch, WaitTimeSeconds: waitS, VisibilityTimeout: hiddenS });
      const { Messages = [] } = await client.send(command, { abortSignal: signal });
      return Messages.map(messageOf);
    },
    async remove(receipt) {
      await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: receipt }));
    },
    close: () => client.destroy(),
  };
}

function messageOf({ MessageId: id = '', Body: body = '', ReceiptHandle: receipt = '' }: Message) {
  return { id, body, receipt };
}
