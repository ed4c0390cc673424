/** `plumb exposure`: what each channel may sell of a SKU, and why; sets the mode. */
import { Command, Option } from 'commander';
import type { Delays } from '../../actors/sku/exposure/scarcity.ts';
import type { PackedStock } from '../../actors/sku/packing.ts';
import type { SkuFact } from '../../actors/sku/protocol.ts';
import type { ActorRecord } from '../../runtime/actor.ts';
import type { ModeBars } from '../../runtime/mode-keeper.ts';
import type { SkuSettings } from '../sku-settings.ts';
import { connectTo, inboxPrefix, natsUrl } from './connection.ts';
import { FailedError, UsageError } from './exit.ts';
import type { NatsConnection } from 'nats';

interface ExposureOptions { nats?: string; json?: boolean; set?: 'mirror' | 'escrow' | 'auto' | 'none'; by?: string }

export function exposureCommand(): Command {
  return new Command('exposure')
    .description('Shows what each channel may sell of a SKU, writes in doubt, debts, and the mode with the numbers behind it.')
    .argument('<sku>')
    .addOption(new Option('--set <mode>', 'from now on: every channel shows what exists (mirror), each holds units of its own (escrow), whichever its scarcity asks for (auto), or what exposure.mode of the configuration says (none)').choices(['mirror', 'escrow', 'auto', 'none']))
    .option('--by <name>', 'who sets it, for the journal', process.env.USER)
    .option('--json', 'one line of JSON, for scripts')
    .option('--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)')
    .addHelpText('after', `
docs/exposure.md tells what rights, free units and shortfalls are.

  plumb exposure 85123A
  plumb exposure 85123A --set escrow`)
    .action(exposure);
}

async function exposure(sku: string, { nats, json, set, by }: ExposureOptions): Promise<void> {
  const { unpackStock } = await import('../../actors/sku/packing.ts');
  const { encodeJournal, journalHeaders } = await import('../../runtime/codec.ts');
  const { Publisher } = await import('../../runtime/publisher.ts');
  const { Records } = await import('../../runtime/records.ts');
  const { modesSubject, skuRecordSubject, skuSettingsSubject, skuSubject } = await import('../../runtime/subjects.ts');
  const { exposureView } = await import('../exposure-view.ts');
  let subject: string;
  try {
    subject = skuRecordSubject(sku);
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
  const connection = await connectTo(natsUrl(nats), 'plumb exposure');
  const publisher = new Publisher(connection, inboxPrefix);
  try {
    const records = new Records(publisher);
    const read = async (): Promise<ActorRecord<PackedStock>> => {
      const stored = await records.get<ActorRecord<PackedStock>>(subject);
      if (!stored) throw new FailedError(`no SKU ${JSON.stringify(sku)} is known`);
      return stored.value;
    };
    let record = await read();
    if (set !== undefined) {
      const fact: SkuFact = { type: 'mode.set', ...(set !== 'none' && { mode: set }), by: by ?? 'unknown' };
      const { seq } = await publisher.publish(skuSubject(sku), encodeJournal(fact), journalHeaders({ id: `mode:${sku}:${crypto.randomUUID()}` }));
      const until = Date.now() + waitMs;
      while (record.applied < seq) {
        if (Date.now() > until) throw new FailedError(`no node took the mode within ${waitMs / 1_000} s; it stands in the journal at ${seq} and is taken by the next owner`);
        await new Promise(resolve => setTimeout(resolve, 50));
        record = await read();
      }
    }
    const settings = await records.get<SkuSettings>(skuSettingsSubject);
    if (!settings) throw new FailedError('no node has run on this NATS server: it has no settings of SKUs');
    const stock = unpackStock(record.context);
    const bars = await records.get<ModeBars>(modesSubject);
    const { delays, shared } = await told(connection, Object.keys(stock.outlets));
    const view = exposureView(stock, settings.value, delays, { mirrorOnly: bars?.value.mirrorOnly, shared }, Date.now());
    if (json) process.stdout.write(`${JSON.stringify(view)}\n`);
    else process.stdout.write((await import('./exposure-text.ts')).exposureText(view));
  } finally {
    publisher.close();
    await connection.close();
  }
}

const waitMs = 15_000;

/** What the owners of accounts measure, and which of them are written in part; of one that does not answer nothing is known. */
async function told(connection: NatsConnection, accounts: readonly string[]): Promise<{ delays: Record<string, Delays>; shared: Set<string> }> {
  const { delaysFrom } = await import('../../runtime/delays.ts');
  const delays: Record<string, Delays> = {};
  const shared = new Set<string>();
  await Promise.all(accounts.map(async account => {
    const figures = (await connection.request(`inspect.channel.${account}`, '', { timeout: 1_000 }).catch(() => undefined))?.json<Record<string, unknown>>();
    delays[account] = figures ? delaysFrom(figures, Date.now()) : {};
    if (figures?.isWhole === false) shared.add(account);
  }));
  return { delays, shared };
}
