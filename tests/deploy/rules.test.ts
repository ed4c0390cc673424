/** `plumb rules` as people and scripts meet it: tables in and out, one by one, on a real broker. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Mode } from '../../actors/sku/exposure/record.ts';
import type { Rule } from '../../actors/sku/protocol.ts';
import { known } from '../../actors/sku/stock.ts';
import { fewestShown, warningOf } from '../../deploy/cli/rules-advice.ts';
import { csvLine, readCsv, RowError, toCsv, wantedOf } from '../../deploy/cli/rules-csv.ts';
import { skuKind } from '../../deploy/sku-kind.ts';
import { decode, encodeJson } from '../../runtime/codec.ts';
import { asStored, fold, fresh } from '../../runtime/handle.ts';
import { isSameRule, setRule } from '../../runtime/rules.ts';
import type { Listed } from '../../runtime/rules.ts';
import { signer } from '../../runtime/signature.ts';
import { listingSubject, skuRecordSubject, skuSubject } from '../../runtime/subjects.ts';
import { startBroker } from '../runtime/broker.ts';
import type { Broker } from '../runtime/broker.ts';

const launcher = fileURLToPath(new URL('../../deploy/cli/plumb.js', import.meta.url));
const kind = skuKind({ sign: signer(() => undefined), debounce: { quietMs: 0, hardMs: 0 }, gapMs: 1_000 });

interface Result { code: number | null; stdout: string; stderr: string }

interface Shop extends Broker {
  folder: string;
  plumb(...args: string[]): Promise<Result>;
  /** Rule facts in the journal of a SKU. */
  told(sku: string): Promise<unknown[]>;
}

/** A broker with listings, as imports leave them, and stock for those that have some. */
async function shop(t: ExecutionContext, listings: readonly { sku: string; account: string; rule?: Rule; stock?: number; mode?: Mode }[]): Promise<Shop> {
  const broker = await startBroker(t);
  const folder = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const { sku, account, rule = { buffer: 0 }, stock, mode } of listings) {
    await broker.publisher.publish(listingSubject(account, sku), encodeJson({ account, id: `${account}-${sku}`, sku, fields: {}, rule, at: 0 }));
    if (stock === undefined) continue;
    const messages = [
      { type: 'listing.linked', account, listing: { id: '1', fields: {} }, gross: false, rule },
      { type: 'stock.counted', source: 'erp', position: 1, quantity: stock },
      ...mode ? [{ type: 'mode.set', mode, by: 'kim' }] : [],
    ].map((body, n) => ({ seq: n + 1, at: 0, correlation: 'c', body }));
    const { record } = fold(kind, fresh(kind, sku), messages)!;
    t.is(known(record.context), stock);
    await broker.records.set(skuRecordSubject(sku), asStored(kind, record));
  }
  return {
    ...broker,
    folder,
    plumb(...args) {
      const child = spawn(process.execPath, [launcher, 'rules', ...args], { env: { ...process.env, NATS_URL: broker.server.url }, cwd: folder });
      const result: Result = { code: null, stdout: '', stderr: '' };
      child.stdout.setEncoding('utf8').on('data', text => { result.stdout += text; });
      child.stderr.setEncoding('utf8').on('data', text => { result.stderr += text; });
      return new Promise(resolve => child.on('close', code => resolve({ ...result, code })));
    },
    async told(sku) {
      const facts: unknown[] = [];
      const { state } = await broker.jsm.streams.info('SKU');
      for (let seq = 1; seq <= state.last_seq; seq++) {
        const message = (await broker.jsm.streams.getMessage('SKU', { seq }))!;
        if (message.subject === skuSubject(sku)) facts.push(decode(message.data));
      }
      return facts;
    },
  };
}

test.serial('a rule that is set is versioned with who and when, told to the journal, and shown with what it makes of the stock', async t => {
  const { plumb, told } = await shop(t, [{ sku: 'A 1', account: 'amazon', rule: { buffer: 1 }, stock: 5 }, { sku: 'A 1', account: 'ebay' }]);
  const before = Date.now();
  t.deepEqual(await plumb('set', 'A 1', 'amazon', '--max', '3', '--by', 'kim'), { code: 0, stdout: 'A 1 at amazon has version 1 of its rule: of 5 available it shows 3\n', stderr: '' });
  t.deepEqual(await plumb('set', 'A 1', 'amazon', '--percent', '10', '--unset', 'max,buffer', '--by', 'ana'), {
    code: 0, stdout: 'A 1 at amazon has version 2 of its rule: of 5 available it shows 0\n', stderr: 'percent 10 shows 0 of the 5 available: it takes 10 to show 1\n',
  });
  t.is((await plumb('set', 'A 1', 'amazon', '--percent', '10')).stdout, 'A 1 at amazon has this rule already: of 5 available it shows 0\n');
  t.deepEqual(await told('A 1'), [
    { type: 'rule.set', account: 'amazon', rule: { buffer: 1, max: 3 }, version: 1, by: 'kim' },
    { type: 'rule.set', account: 'amazon', rule: { percent: 10, buffer: 0 }, version: 2, by: 'ana' },
  ], 'told again under the same id, it is stored once');
  const { code, stdout } = await plumb('show', 'A 1', '--history', '--json');
  const { sku, rules: { amazon, ebay } } = JSON.parse(stdout) as { sku: string; rules: Record<string, { at: string; history: { at: string; by: string; version: number; rule: Rule }[] }> };
  t.deepEqual([code, sku, ebay], [0, 'A 1', { rule: { buffer: 0 }, available: 5, shows: 5, by: 'as imported', history: [] } as never]);
  const { at, history, ...rest } = amazon!;
  t.deepEqual(rest, { rule: { percent: 10, buffer: 0 }, available: 5, shows: 0, version: 2, by: 'ana', warning: 'percent 10 shows 0 of the 5 available: it takes 10 to show 1' } as never);
  t.deepEqual(history.map(({ version, by, rule }) => [version, by, rule]), [[2, 'ana', { percent: 10, buffer: 0 }], [1, 'kim', { buffer: 1, max: 3 }]]);
  t.true(Date.parse(at) >= before && Date.parse(at) <= Date.now());
});

test.serial('what cannot be set is refused by field and value, and by name where there is no such listing', async t => {
  const { plumb, told } = await shop(t, [{ sku: 'A', account: 'amazon' }]);
  const cases: [string[], number, RegExp][] = [
    [['set', 'A', 'amazon'], 2, /name what to change/],
    [['set', 'A', 'amazon', '--percent', '101'], 2, /whole number from 0 to 100/],
    [['set', 'A', 'amazon', '--buffer', '-1'], 2, /whole number of at least 0/],
    [['set', 'A', 'amazon', '--fixed', '3', '--max', '2'], 2, /fixed: stands alone: it takes no percent, buffer or max, got 3/],
    [['set', 'A', 'amazon', '--unset', 'skip'], 2, /--unset: "skip" is none of percent/],
    [['set', 'A', 'ebay', '--max', '1'], 1, /"A" has no listing at "ebay"/],
    [['set', '', 'amazon', '--max', '1'], 2, /key is empty/],
    [['show', 'B'], 1, /no listing of "B" is known/],
    [['import', 'missing.csv'], 2, /missing.csv cannot be read \(ENOENT\)/],
  ];
  for (const [args, code, message] of cases) {
    const result = await plumb(...args);
    t.is(result.code, code, args.join(' '));
    t.regex(result.stderr, message);
  }
  t.deepEqual(await told('A'), []);
});

test.serial('what is exported and imported again changes nothing; what people edit is set, the rest is rejected with reasons', async t => {
  const { plumb, told, folder } = await shop(t, [
    { sku: 'A', account: 'amazon', rule: { buffer: 2 }, stock: 8 }, { sku: 'A', account: 'ebay', stock: 8 }, { sku: 'ä, "1"', account: 'amazon' }, { sku: 'B', account: 'amazon' },
  ]);
  const file = join(folder, 'rules.csv');
  t.is((await plumb('set', 'B', 'amazon', '--locations', 'LEJ|HAM', '--by', 'kim')).code, 0);
  t.deepEqual(await plumb('export', file), { code: 0, stdout: `4 rules written to ${file}\n`, stderr: '' });
  const text = await readFile(file, 'utf8');
  t.deepEqual(text.replace(/\d{4}-\d\d-\d\dT[^\n]*/, 'TIME').split('\n'), [
    'sku,account,percent,buffer,max,fixed,locations,skip,mode,version,by,at', 'A,amazon,,2,,,,,,,,', 'A,ebay,,,,,,,,,,', 'B,amazon,,,,,LEJ|HAM,,,1,kim,TIME', '"ä, ""1""",amazon,,,,,,,,,,', '',
  ]);
  t.is((await plumb('export', '-')).stdout, text);
  t.deepEqual(await plumb('import', file), { code: 0, stdout: '4 rows: 0 set, 4 as they were, 0 rejected\n', stderr: '' });
  t.deepEqual(await told('A'), []);

  await writeFile(file, [
    'sku;account;percent;max;skip;version', 'A;amazon;20;;;', 'A;ebay;;;yes;', 'B;amazon;;4;;1', 'B;amazon;;5;;1', 'B;walmart;;1;;', 'C;amazon;;1;;', ';amazon;;1;;', 'A;amazon;5,0;;;', '"ä, ""1""";amazon;;1e3;;', 'A;amazon;;1',
  ].join('\r\n'));
  const dry = await plumb('import', file, '--dry-run', '--rejected', join(folder, 'dry.csv'));
  t.is(dry.stdout, '10 rows: 3 would be set, 0 as they were, 7 rejected\n');
  t.deepEqual(await told('A'), []);
  const { code, stdout, stderr } = await plumb('import', file, '--by', 'ana');
  t.deepEqual([code, stdout], [1, '10 rows: 3 set, 0 as they were, 7 rejected\n']);
  t.is(stderr.split('\n')[0], 'line 2, A at amazon: percent 20 and buffer 2 shows 0 of the 8 available: it takes 15 to show 1');
  t.deepEqual(await readFile(`${file}.rejected.csv`, 'utf8'), await readFile(join(folder, 'dry.csv'), 'utf8'));
  t.deepEqual((await readFile(`${file}.rejected.csv`, 'utf8')).split('\n'), [
    'sku,account,percent,max,skip,version,line,reason',
    'B,amazon,,5,,1,5,sku and account: are in this file before',
    'B,walmart,,1,,,6,"account: ""walmart"" has no listings; amazon, ebay has"',
    'C,amazon,,1,,,7,"sku: ""C"" has no listing at amazon"',
    ',amazon,,1,,,8,sku: is empty',
    'A,amazon,"5,0",,,,9,"percent: must be a whole number of digits, got ""5,0"""',
    '"ä, ""1""",amazon,,1e3,,,10,"max: must be a whole number of digits, got ""1e3"""',
    'A,amazon,,1,,,11,"has 4 cells, the header 6"',
    '',
  ]);
  t.deepEqual([await told('A'), (await told('B')).slice(1)], [[
    { type: 'rule.set', account: 'amazon', rule: { percent: 20, buffer: 2 }, version: 1, by: 'ana' },
    { type: 'rule.set', account: 'ebay', rule: { buffer: 0, skip: true }, version: 1, by: 'ana' },
  ], [{ type: 'rule.set', account: 'amazon', rule: { buffer: 0, locations: ['LEJ', 'HAM'], max: 4 }, version: 2, by: 'ana' }]]);
  await writeFile(file, 'sku,account,max,version\nB,amazon,9,1\n');
  t.regex((await plumb('import', file)).stderr, /line 2: was set by ana at .* as version 2, not 1/);
});

test.serial('modes of SKUs go out and in with their rules, one for all rows of a SKU', async t => {
  const { plumb, told, folder } = await shop(t, [
    { sku: 'A', account: 'amazon', stock: 8 }, { sku: 'A', account: 'ebay' }, { sku: 'B', account: 'amazon', stock: 3, mode: 'escrow' }, { sku: 'C', account: 'amazon', rule: { buffer: 0, locations: ['LEJ'] }, stock: 4 },
  ]);
  const file = join(folder, 'modes.csv');
  t.is((await plumb('export', file)).code, 0);
  t.regex(await readFile(file, 'utf8'), /^B,amazon,,,,,,,escrow,,,$/m);
  t.is((await plumb('import', file)).stdout, '4 rows: 0 set, 4 as they were, 0 rejected\n');

  await writeFile(file, 'sku,account,mode\nA,amazon,Auto\nA,ebay,escrow\nB,amazon,\nC,amazon,escrow\nA,ebay,often\n');
  const { code, stdout, stderr } = await plumb('import', file, '--by', 'ana');
  t.deepEqual([code, stdout], [1, '5 rows: 3 set, 0 as they were, 2 rejected\n']);
  t.is(stderr.split('\n')[0], 'line 5, C at amazon: mode escrow is set, and it mirrors all the same: a channel sells from some locations only');
  t.deepEqual((await readFile(`${file}.rejected.csv`, 'utf8')).split('\n').slice(1, 3), [
    'A,ebay,escrow,3,"mode: is one for all rows of a SKU: auto in line 2, got ""escrow"""',
    'A,ebay,often,6,"mode: must be mirror, escrow, auto or nothing, got ""often"""',
  ]);
  t.deepEqual([await told('A'), await told('B'), await told('C')], [[{ type: 'mode.set', mode: 'auto', by: 'ana' }], [{ type: 'mode.set', by: 'ana' }], [{ type: 'mode.set', mode: 'escrow', by: 'ana' }]]);
});

test('of two that set a rule at the same time both are kept, one after the other, on what the first left', async t => {
  const { publisher, records, told } = await shop(t, []);
  const set = (field: 'max' | 'buffer'): Promise<unknown> => setRule({ publisher, records }, { account: 'a', sku: 'A', by: field, at: 1, change: before => ({ ...before ?? { buffer: 0 }, [field]: 7 }) });
  await Promise.all([set('max'), set('buffer')]);
  const [, last] = (await told('A') as { version: number; rule: Rule }[]).sort((a, b) => a.version - b.version);
  t.deepEqual([last!.version, last!.rule], [2, { buffer: 7, max: 7 }]);
});

test('the same fields in another order are the same rule', t => {
  t.true(isSameRule({ buffer: 1, max: 2, locations: ['b', 'a'] }, { locations: ['a', 'b'], max: 2, buffer: 1, skip: false }));
  const base: Rule = { buffer: 1 };
  for (const other of [{ buffer: 0 }, { buffer: 1, max: 0 }, { buffer: 1, percent: 0 }, { buffer: 1, fixed: 0 }, { buffer: 1, skip: true }, { buffer: 1, locations: ['a'] }]) t.false(isSameRule(base, other));
});

test('the fewest units of which one is shown are told, and rules that hide units by rounding are warned of', t => {
  const cases: [Rule, number | undefined][] = [
    [{ buffer: 0 }, 1], [{ buffer: 3 }, 4], [{ buffer: 0, percent: 10 }, 10], [{ buffer: 0, percent: 33 }, 4], [{ buffer: 1, percent: 50 }, 4], [{ buffer: 0, percent: 100 }, 1],
    [{ buffer: 0, fixed: 5 }, 1], [{ buffer: 0, max: 0 }, undefined], [{ buffer: 0, percent: 0 }, undefined], [{ buffer: 0, skip: true }, undefined], [{ buffer: 0, fixed: 0 }, undefined],
  ];
  for (const [rule, fewest] of cases) t.is(fewestShown(rule), fewest, JSON.stringify(rule));
  t.is(warningOf({ buffer: 0, percent: 10 }, { available: 5, shows: 0 }), 'percent 10 shows 0 of the 5 available: it takes 10 to show 1');
  t.is(warningOf({ buffer: 0, percent: 10 }, { available: 50, shows: 5 }), 'percent 10 hides the last 9: it takes 10 to show 1');
  t.is(warningOf({ buffer: 2 }, { available: 2, shows: 0 }), 'buffer 2 shows 0 of the 2 available: it takes 3 to show 1');
  t.is(warningOf({ buffer: 2 }, { available: 9, shows: 7 }), undefined);
  t.is(warningOf({ buffer: 0 }, { available: 0, shows: 0 }), undefined);
});

test('every rule comes back from its table as it was, and a table that is none is refused by what is wrong with it', t => {
  const rules: Rule[] = [
    { buffer: 0 }, { buffer: 3, percent: 0, max: 0 }, { buffer: 0, fixed: 0 }, { buffer: 0, skip: true }, { buffer: 0, locations: ['', 'a|b'] }, { buffer: 0, locations: ['LEJ', '[x'] }, { buffer: 1, locations: ['Lager, "2"'] },
  ];
  const listed = rules.map((rule, n): Listed => ({ sku: ` \n${n}`, account: 'a', set: { account: 'a', sku: '', rule, version: n + 1, by: '=SUM(1;2)', at: 0 } }));
  const { rows } = readCsv(`\uFEFF${toCsv(listed)}`);
  t.deepEqual(rows.map(row => wantedOf(row)).map(({ sku, change, expected }) => [sku, change({ buffer: 9, max: 9, percent: 9, locations: ['z'] }), expected]), rules.map((rule, n) => [` \n${n}`, rule, n + 1]));
  t.throws(() => readCsv('sku,account,bufer\n'), { message: 'column "bufer" is none of sku, account, percent, buffer, max, fixed, locations, skip, mode, version, by, at' });
  t.throws(() => readCsv('sku,max\n'), { message: /^there is no column account/ });
  t.throws(() => readCsv('sku,account,max,max\n'), { message: 'column max is there twice' });
  t.throws(() => readCsv('sku,account\n"A'), { message: /^it is no CSV: / });
  t.throws(() => readCsv(''), { message: /^there is no column sku/ });
  const refuse = (cells: object): string => t.throws(() => wantedOf({ line: 2, record: [], cells: { sku: 'A', account: 'a', ...cells } }).change({ buffer: 0 }), { instanceOf: RowError })!.message;
  t.deepEqual([refuse({ percent: '101' }), refuse({ skip: 'maybe' }), refuse({ locations: '[1]' }), refuse({ max: '9007199254740993' }), refuse({ buffer: ' 5' }), refuse({ mode: 'often' })].map(text => text.split(':')[0]), ['percent', 'skip', 'locations', 'max', 'buffer', 'mode']);
  t.is(csvLine(['a', 'b c', 'd"e', ' f']), 'a,b c,"d""e"," f"\n');
});
