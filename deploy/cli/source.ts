/** `plumb source`: what a mapping makes of a system's messages, tried before any of them is sent. */
import { Command, InvalidArgumentError } from 'commander';
import type { Mapped, Mapping, RawMessage } from '../../actors/sku/ingest/mapping.ts';
import { FailedError, UsageError } from './exit.ts';

interface TestOptions { json?: boolean; config?: string; param: Record<string, unknown>; table: Record<string, string>; type?: string; position?: string }

export function sourceCommand(): Command {
  const source = new Command('source').description('Shows the mappings of source systems, and what they make of a message.');
  source.command('list')
    .description('Lists the mappings that come along.')
    .option('--json', 'one line of JSON, for scripts')
    .action(list);
  source.command('test')
    .argument('<mapping>', 'a mapping that comes along, the path of one, `plumb` for Plumb\'s own format; with --config one of its sources')
    .argument('<payload...>', 'files of one message each; - for standard input')
    .description('Shows what would come out of messages, and why what is refused is refused.')
    .option('--json', 'JSON, one line a message, for scripts')
    .option('-c, --config <file>', 'take the source from this configuration, with its parameters and tables')
    .option('-p, --param <name=value>', 'a parameter of the mapping; may be repeated', pair(asJson), {})
    .option('-t, --table <name=file>', 'a table of the mapping: CSV of two columns, YAML or JSON; may be repeated', pair(text => text), {})
    .option('--type <content type>', 'what the door would call it (default: by the file\'s ending)')
    .option('--position <json>', 'the position that the door would tell')
    .addHelpText('after', `
Exit codes: 0 everything is understood, 1 something is refused, 2 the mapping or a file cannot be used.

  plumb source test woocommerce product.json
  plumb source test csv stock.csv -p sku=Artikel -p quantity=Bestand
  plumb source test ./erp.yaml message.json --json
  plumb source test shop levels.json --config plumb.yaml`)
    .action(test);
  return source;
}

/** `name=value` into an object of them. */
function pair<T>(read: (text: string) => T) {
  return (text: string, before: Record<string, T>): Record<string, T> => {
    const at = text.indexOf('=');
    if (at < 1) throw new InvalidArgumentError('name=value is wanted.');
    return { ...before, [text.slice(0, at)]: read(text.slice(at + 1)) };
  };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const { mappingNames, readSpec } = await import('../../config/sources.ts');
  const all = mappingNames().map(name => {
    const { about = '', decode, params, policy } = readSpec(name).spec;
    return { name, about, decode, params: Object.keys(params), policy };
  });
  if (json) return void process.stdout.write(`${JSON.stringify(all)}\n`);
  const { columns } = await import('./source-report.ts');
  process.stdout.write(`${columns(['mapping', 'reads', 'what', 'parameters'], all.map(({ name, about, decode, params }) => [name, decode, about, params.join(', ')]))}\n`);
}

async function test(name: string, files: string[], options: TestOptions): Promise<void> {
  const mapping = await mappingFor(name, options);
  const { report } = await import('./source-report.ts');
  let refused = 0;
  for (const [n, file] of files.entries()) {
    const message = await messageOf(file, n + 1, options);
    const mapped = await mapping.map(message);
    refused += mapped.refusals.length;
    process.stdout.write(options.json ? `${JSON.stringify({ file, ...plain(mapped) })}\n` : report(file, mapped));
  }
  if (refused > 0) throw new FailedError(`${refused} of what was read ${refused === 1 ? 'is' : 'are'} refused`);
}

/** @throws {UsageError} when the mapping, its parameters or its tables cannot be used */
async function mappingFor(name: string, { config: file, param, table }: TestOptions): Promise<Mapping> {
  const { ConfigError, loadConfig } = await import('../../config/file.ts');
  const { readTable } = await import('../../config/source.ts');
  const { MappingFileError, loadMapping } = await import('../../config/sources.ts');
  const { nativeMapping } = await import('./source-native.ts');
  const own = Object.fromEntries(Object.entries(table).map(([key, path]) => {
    try {
      return [key, readTable(path)];
    } catch (cause) {
      throw new UsageError((cause as Error).message, { cause });
    }
  }));
  try {
    if (file === undefined) return name === 'plumb' ? nativeMapping('test') : loadMapping(name, { source: 'test', params: param, tables: own });
    const { sources } = loadConfig(file);
    const source = sources.find(each => each.source === name);
    if (!source) throw new UsageError(`${file} has no source ${name}, but ${sources.map(each => each.source).join(', ') || 'none'}`);
    const { mapping, params = {}, tables = {}, order, inOrder, floor, ordersIn } = source;
    return mapping === undefined ? nativeMapping(name) : loadMapping(mapping, { source: name, params: { ...params, ...param }, tables: { ...tables, ...own }, policy: { order, inOrder, floor, ordersIn } });
  } catch (cause) {
    if (cause instanceof MappingFileError || cause instanceof ConfigError) throw new UsageError(cause.message, { cause });
    throw cause;
  }
}

const types: Readonly<Record<string, string>> = { json: 'application/json', jsonl: 'application/x-ndjson', ndjson: 'application/x-ndjson', csv: 'text/csv', x12: 'application/edi-x12', edi: 'application/edi-x12', xml: 'text/xml' };

/** @throws {UsageError} when the file cannot be read */
async function messageOf(file: string, seq: number, { type, position }: TestOptions): Promise<RawMessage> {
  const { readFile } = await import('node:fs/promises');
  const { text: standardInput } = await import('node:stream/consumers');
  const text = file === '-' ? await standardInput(process.stdin) : await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(`${file}: cannot be read (${cause.code})`, { cause });
  });
  const contentType = type ?? types[file.slice(file.lastIndexOf('.') + 1).toLowerCase()];
  return { text, seq, at: Date.now(), ...(contentType !== undefined && { contentType }), ...(position !== undefined && { position }) };
}

/** For scripts: refusals by their fields. */
function plain({ refusals, ...mapped }: Mapped): object {
  return { ...mapped, refusals: refusals.map(({ error, row }) => ({ ...(row !== undefined && { row }), class: error.class, field: error.field, value: error.value, expression: error.expression, message: error.message })) };
}
