/** `plumb release`: lets a quarantined SKU go on, through its own journal. */
import { Command } from 'commander';
import type { ActorRecord } from '../../runtime/actor.ts';
import type { RuntimeFact } from '../../runtime/handle.ts';
import { connectTo, inboxPrefix, natsUrl } from './connection.ts';
import { FailedError, UsageError } from './exit.ts';
import { number } from './numbers.ts';

interface ReleaseOptions { nats?: string; skip?: number; by?: string }

const waitMs = 15_000;

export function releaseCommand(): Command {
  return new Command('release')
    .description('Lets a quarantined SKU go on: its node applies what has waited in the journal, in order.')
    .argument('<sku>')
    .option('--skip <seq>', 'leave out the message that it is quarantined for; what it said is lost', number({ least: 1, whole: true }))
    .option('--by <name>', 'who releases it, for the journal', process.env.USER)
    .option('--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)')
    .addHelpText('after', `
Waits until the SKU has applied everything, or is quarantined again: exit code 1 then, and when it was not quarantined.
"plumb inspect sku <sku>" shows why it is, and for which message.`)
    .action(release);
}

async function release(sku: string, { nats, skip, by }: ReleaseOptions): Promise<void> {
  const { encodeJournal, journalHeaders } = await import('../../runtime/codec.ts');
  const { Publisher } = await import('../../runtime/publisher.ts');
  const { Records } = await import('../../runtime/records.ts');
  const { skuRecordSubject, skuSubject } = await import('../../runtime/subjects.ts');
  let record: string;
  try {
    record = skuRecordSubject(sku);
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
  const connection = await connectTo(natsUrl(nats), 'plumb release');
  const publisher = new Publisher(connection, inboxPrefix);
  try {
    const records = new Records(publisher);
    const before = (await records.get<ActorRecord>(record))?.value;
    if (!before) throw new FailedError(`no SKU ${JSON.stringify(sku)} is known`);
    const { quarantined } = before;
    if (!quarantined) throw new FailedError(`SKU ${JSON.stringify(sku)} is not quarantined`);
    if (skip !== undefined && skip !== quarantined.seq) throw new UsageError(`SKU ${JSON.stringify(sku)} is quarantined for message ${quarantined.seq}: only that one can be left out`);
    const fact: RuntimeFact & { by?: string } = { type: 'quarantine.released', ...(skip !== undefined && { skip }), ...(by !== undefined && { by }) };
    const { seq } = await publisher.publish(skuSubject(sku), encodeJournal(fact), journalHeaders({ id: `release:${sku}:${crypto.randomUUID()}` }));
    for (const until = Date.now() + waitMs; Date.now() < until;) {
      const { value } = (await records.get<ActorRecord>(record))!;
      if (value.applied >= seq) {
        process.stdout.write(`SKU ${JSON.stringify(sku)} has applied its journal up to ${value.applied}\n`);
        return;
      }
      if (value.quarantined && value.quarantined.released >= seq) throw new FailedError(`SKU ${JSON.stringify(sku)} is quarantined again, at message ${value.quarantined.seq}: ${value.quarantined.error}`);
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    throw new FailedError(`no node took the release within ${waitMs / 1_000} s; it stands in the journal at ${seq} and is taken by the next owner`);
  } finally {
    publisher.close();
    await connection.close();
  }
}
