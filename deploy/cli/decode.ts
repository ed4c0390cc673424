/** `plumb decode`: msgpack on stdin, JSON on stdout; for people, pipes and the `nats` CLI's `--translate`. */
import { Command } from 'commander';
import { UsageError } from './exit.ts';

export function decodeCommand(): Command {
  return new Command('decode')
    .description('Reads msgpack on stdin and writes it as JSON, one line a message; JSON passes through.')
    .option('--pretty', 'indent the JSON')
    .addHelpText('after', `
  nats stream view SKU 10 --translate "plumb decode"
  nats sub --stream ATTEMPT 'attempt.>' --translate "plumb decode --pretty"`)
    .action(async (options: { pretty?: boolean }) => {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      process.stdout.write(await translate(Buffer.concat(chunks), options.pretty ? 2 : 0));
    });
}

/**
 * The messages in `data`, JSON or one or more msgpack values, as lines of JSON. No bytes give no line: deletions in
 * KV buckets have none.
 *
 * @throws {UsageError} when it is neither
 */
export async function translate(data: Uint8Array, indent = 0): Promise<string> {
  if (data.length === 0) return '';
  const json = asJson(data);
  const values = json === undefined ? await asMsgpack(data) : [json];
  return values.map(value => `${JSON.stringify(value, readable, indent)}\n`).join('');
}

function asJson(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch {
    return undefined;
  }
}

async function asMsgpack(data: Uint8Array): Promise<unknown[]> {
  const { C1, Unpackr } = await import('msgpackr');
  try {
    const values = new Unpackr({ useRecords: false }).unpackMultiple(data) as unknown[];
    // Text that is no JSON reads as a run of small msgpack integers.
    if (values.length > 1 && values.every(value => typeof value === 'number')) throw new Error('it looks like text');
    if (values.includes(C1)) throw new Error('byte c1 stands for nothing');
    return values;
  } catch (cause) {
    const start = Buffer.from(data.subarray(0, 16)).toString('hex');
    throw new UsageError(`stdin is neither msgpack nor JSON (${data.length} bytes, first ${start}): ${(cause as Error).message}`, { cause });
  }
}

/** What JSON has no word for: integers past 2^53 become strings, bytes become base64. */
function readable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (isBytes(value)) return Buffer.from(value.data ?? value).toString('base64');
  return value;
}

/** A Buffer comes as its own `toJSON`, other bytes as they are. */
function isBytes(value: unknown): value is Uint8Array & { data?: number[] } {
  return value instanceof Uint8Array || (typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer'
    && 'data' in value && Array.isArray(value.data));
}
