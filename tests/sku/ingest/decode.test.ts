/** Raw messages into values: JSON, lines, CSV, X12 and XML, and every way in which they can be broken. */
import test from 'ava';
import { decode, formatOf } from '../../../actors/sku/ingest/decode.ts';
import type { Format } from '../../../actors/sku/ingest/decode.ts';
import { MalformedError } from '../../../actors/sku/ingest/refusal.ts';
import { mappingSchema } from '../../../actors/sku/ingest/spec.ts';

const read = (format: Format, text: string, options: object = {}): unknown => {
  const spec = mappingSchema.parse({ forms: [{ name: 'x', type: 'ask' }], ...options });
  try {
    const { payload, refused, notes } = decode(text, format, spec);
    return [JSON.parse(JSON.stringify(payload)), ...refused.map(error => error.message), ...notes];
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return error.message;
  }
};

test('the door\'s content type decides where it is told, so that a row of a CSV may come as JSON', t => {
  t.deepEqual(([['text/csv', 'json'], ['application/json', 'csv'], ['application/json; charset=utf-8', 'x12'], [undefined, 'csv'], ['application/octet-stream', 'x12'], ['application/json', 'jsonl'], ['text/xml', 'json']] as [string | undefined, Format][]).map(([type, mapped]) => formatOf(type, mapped)),
    ['csv', 'json', 'json', 'csv', 'x12', 'jsonl', 'xml']);
});

test('whole numbers that a double cannot hold keep every digit', t => {
  t.deepEqual(read('json', '{"id":12345678901234567891,"q":9007199254740991,"d":0.1234567890123456789,"s":"1234567890123456"}'), [{ id: '12345678901234567891', q: 9007199254740991, d: 0.1234567890123456789, s: '1234567890123456' }]);
});

test('what is no JSON is refused, however long or deep', t => {
  for (const text of ['', '{"a":', '{"a":NaN}', '<html>', '\u0000']) t.regex(String(read('json', text)), /^message: is not JSON \(/);
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
  t.notThrows(() => decode(deep, 'json', mappingSchema.parse({ forms: [{ name: 'x', type: 'ask' }] })));
});

test('of JSON lines each stands for itself', t => {
  t.deepEqual((read('jsonl', '{"a":1}\r\n\n{"a":3}') as unknown[]), [[{ a: 1 }, { a: 3 }]]);
  t.regex(String((read('jsonl', '{"a":1}\n{"a":') as unknown[])[1]), /^line 2: is not JSON \(.*\), got "\{\\"a\\":"$/);
  t.is(read('jsonl', '\n \n'), 'message: holds no line, got "\\n \\n"');
});

test('CSV: quotes, quoted line breaks, a byte order mark, and columns by their header', t => {
  t.deepEqual(read('csv', '\uFEFFsku, name ,q\r\n"A","say ""hi"", twice\nplease",1\r\nB,,\r\n'), [[{ sku: 'A', name: 'say "hi", twice\nplease', q: '1' }, { sku: 'B', name: '', q: '' }]]);
  t.deepEqual(read('csv', 'A;1\nB;2', { csv: { delimiter: ';', columns: ['sku', 'q'] } }), [[{ sku: 'A', q: '1' }, { sku: 'B', q: '2' }]]);
});

test('CSV: a line with too few or too many cells is refused by itself, and a header that names a column twice wholly', t => {
  const [rows, ...refused] = read('csv', 'sku,q\nA,1\nB\nC,3,4\nD,4\n') as [unknown, ...string[]];
  t.deepEqual(rows, [{ sku: 'A', q: '1' }, { sku: 'D', q: '4' }]);
  t.deepEqual(refused.map(told => told.replace(/: .*, got/s, ': …, got')), ['line 3: …, got ["B"]', 'line 4: …, got ["C","3","4"]']);
  t.is(read('csv', 'sku,q,q\nA,1,2\n'), 'header: names a column twice, got "q"');
});

const isa = (element: string, terminator: string): string => ['ISA', '00', ' '.repeat(10), '00', ' '.repeat(10), 'ZZ', 'SENDER         ', 'ZZ', 'RECEIVER       ', '200101', '1200', 'U', '00401', '000000001', '0', 'P', '>'].join(element) + terminator;
const advice = (element: string, terminator: string, segments: string[]): string => isa(element, terminator) + segments.map(segment => segment.replaceAll('*', element) + terminator).join('\n');

test('X12: the separators are those that its ISA declares', t => {
  const set = ['GS*IB*S*R*20200101*1200*1*X*005010', 'ST*846*0001', 'BIA*00*SI*REF1*20200101', 'LIN*1*VN*A~B', 'QTY*33*100*EA', 'LIN*2*VN**UP*', 'CTT*2', 'SE*7*0001', 'GE*1*1', 'IEA*1*000000001'];
  const sets = (text: string): unknown => (read('x12', text) as [{ sets: { loops: unknown; heading: unknown; summary: unknown }[] }])[0].sets.map(({ loops, heading, summary }) => ({ loops, heading, summary }));
  const expected = [{
    heading: [{ id: 'BIA', BIA01: '00', BIA02: 'SI', BIA03: 'REF1', BIA04: '20200101' }],
    loops: [{ segments: [{ id: 'LIN', LIN01: '1', LIN02: 'VN', LIN03: 'A~B' }, { id: 'QTY', QTY01: '33', QTY02: '100', QTY03: 'EA' }] }, { segments: [{ id: 'LIN', LIN01: '2', LIN02: 'VN', LIN04: 'UP' }] }],
    summary: [{ id: 'CTT', CTT01: '2' }],
  }];
  t.deepEqual(sets(advice('|', '!', set)), expected);
  t.deepEqual(sets(advice('|', '\n', set)), expected);
  t.deepEqual(sets(advice('*', '?', set)), expected);
  const tilde = set.map(segment => segment.replace('A~B', 'A-B'));
  t.deepEqual(sets(advice('~', '?', tilde)), JSON.parse(JSON.stringify(expected).replace('A~B', 'A-B')));
  t.deepEqual(sets('ST*846*1~LIN**VN*A~QTY*33*1~SE*4*1~'), [{ heading: [], loops: [{ segments: [{ id: 'LIN', LIN02: 'VN', LIN03: 'A' }, { id: 'QTY', QTY01: '33', QTY02: '1' }] }], summary: [] }]);
});

test('X12: its own figures that are wrong are told and refuse nothing', t => {
  t.deepEqual((read('x12', 'ST*846*1~LIN**VN*A~CTT*3~SE*9*1~') as unknown[]).slice(1), ['set 1: SE says 9 segments, 4 are there', 'set 1: CTT says 3 items, 1 are there']);
});

test('X12: a document that was cut off is refused wherever it was cut, for its last number may be half of one', t => {
  const whole = advice('*', '~', ['GS*IB*S*R*20200101*1200*1*X*005010', 'ST*846*0001', 'LIN*1*VN*A', 'QTY*33*100*EA', 'CTT*1', 'SE*5*0001', 'GE*1*1', 'IEA*1*000000001']);
  t.true(Array.isArray(read('x12', whole)));
  for (let length = 0; length < whole.length; length++) t.is(typeof read('x12', whole.slice(0, length)), 'string', whole.slice(0, length));
});

test('X12: what is none, and what closes nothing, is refused', t => {
  t.deepEqual(['', '{"a":1}', 'ISA', 'ST*846*1~SE*2*2~', 'SE*1*1~', 'ST*846*1~ST*846*2~SE*2*2~'].map(text => String(read('x12', text)).replace(/, got.*/s, '')), [
    'message: is no X12: it begins with neither ISA nor ST',
    'message: is no X12: it begins with neither ISA nor ST',
    'message: has an ISA from which no separators can be read',
    'message: has an SE that closes another set than 1',
    'message: is no X12: it begins with neither ISA nor ST',
    'message: is cut off: a transaction set without its SE',
  ]);
});

test('XML: elements by local name, repeated ones as a list, attributes with an @, text as text', t => {
  t.deepEqual(read('xml', '<?xml version="1.0"?><s:a xmlns:s="urn:x" s:n="1"><s:b> x &amp; y </s:b><c k="2">t</c><s:b><![CDATA[<z>]]></s:b><d/></s:a>'), [{ a: { '@n': '1', b: ['x & y', '<z>'], c: { '@k': '2', '#text': 't' }, d: '' } }]);
});

test('XML: what is none is refused, and no entity or depth can grow', t => {
  for (const text of ['', '<a>', '<a></b>', '{"a":1}', '<!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]><a>&y;</a>']) t.regex(String(read('xml', text)), /^message: is no XML \(/);
  t.regex(String(read('xml', `${'<a>'.repeat(300)}${'</a>'.repeat(300)}`)), /is nested deeper than 200 elements|is no XML/);
});
