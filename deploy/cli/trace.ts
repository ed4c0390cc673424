/** `plumb trace`: how a number came to a channel, from the source's message to the proof, with the times between. */
import { Command } from 'commander';
import { connectTo, natsUrl } from './connection.ts';
import { FailedError, UsageError } from './exit.ts';

interface TraceOptions { account?: string; last: string; json?: boolean; nats?: string }

/** A channel's short name, a dash and 24 characters; calls that read again before they wrote have a number behind. */
const signatureForm = /^([a-z0-9-]{1,8}-[0-9A-HJKMNP-TV-Z]{24})(?:\.\d+)?$/;

export function traceCommand(): Command {
  return new Command('trace')
    .description('Shows how a number came to a channel: source event, fact, decision, attempts, answers, proof, and the times between.')
    .argument('<signature|sku>', 'the signature of a write, or a SKU: its newest chain at each account')
    .option('--account <name>', 'of a SKU: at this account only')
    .option('--last <n>', 'of a SKU: so many of the newest at each account', '1')
    .option('--json', 'everything, as one line of JSON, for scripts')
    .option('--nats <url>', 'the NATS server (default: NATS_URL, else nats://127.0.0.1:4222)')
    .addHelpText('after', `
Times of calls are the node's, all others the broker's: where their clocks differ, so do the times between.
Exit code 1 when nothing of that name is known. What was overtaken before it was ever tried is found by its SKU only.

  plumb trace 85123A
  plumb trace 85123A --account ebay --last 5
  plumb trace eby-7Q4K1N0X5RZ3M8W2B9C6D1EF`)
    .action(trace);
}

async function trace(name: string, { account, last: lastText, json = false, nats }: TraceOptions): Promise<void> {
  const last = Number(lastText);
  if (!/^\d+$/.test(lastText) || last < 1) throw new UsageError(`--last: ${JSON.stringify(lastText)} is no whole number from 1`);
  const { escapeKey } = await import('../../runtime/subjects.ts');
  const { skuOf, traceSku } = await import('../trace.ts');
  const { NoSettingsError } = await import('../replay.ts');
  const { traceLines } = await import('./trace-text.ts');
  try {
    escapeKey(name);
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
  const connection = await connectTo(natsUrl(nats), 'plumb trace');
  try {
    const signature = signatureForm.exec(name)?.[1];
    const signed = signature === undefined ? undefined : await skuOf(connection, signature);
    const traced = await traceSku(connection, signed ?? name, signed === undefined ? { last, account } : { signature: signature! }).catch((cause: unknown) => {
      if (cause instanceof NoSettingsError) throw new FailedError(cause.message, { cause });
      throw cause;
    });
    if (traced.facts === 0) throw new FailedError(signature === undefined ? `no SKU ${JSON.stringify(name)} is known` : `no write was signed ${signature}, and no SKU has that name`);
    if (signed !== undefined && traced.chains.length === 0) throw new FailedError(`${signature} is named by ${JSON.stringify(signed)}, whose journal does not decide it when it is folded: plumb replay tells whether they part`);
    if (account !== undefined && traced.chains.length === 0) throw new FailedError(`nothing was ever decided for ${JSON.stringify(name)} at ${JSON.stringify(account)}`);
    if (json) process.stdout.write(`${JSON.stringify(traced)}\n`);
    else for (const line of traceLines(traced, process.stdout.columns ?? 160)) process.stdout.write(`${line}\n`);
  } finally {
    await connection.close();
  }
}
