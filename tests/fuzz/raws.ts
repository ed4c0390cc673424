/**
 * Values as they stand in a message, each with what it must come to: the independent judge of what is understood.
 * `undefined` is refused; a raw of `undefined` leaves the field out.
 */

export type Judged<T> = readonly [raw: string | undefined, means: T | undefined];

/** Of JSON, where the mapping reads text with `,` between groups. */
export const quantities: readonly Judged<number>[] = [
  ['5', 5], ['0', 0], ['-0', 0], ['-7', -7], ['5.0', 5], ['1e3', 1_000], ['1000000000', 1_000_000_000], ['-1000000000', -1_000_000_000], ['"5"', 5], ['"-7"', -7], ['"1,234"', 1_234], ['"12.0"', 12], ['"007"', 7],
  [undefined, undefined], ['null', undefined], ['""', undefined], ['0.5', undefined], ['"0.5"', undefined], ['1e309', undefined], ['-1e309', undefined], ['9007199254740993', undefined], ['1000000001', undefined], ['"1000000001"', undefined],
  ['" 5"', undefined], ['"5 "', undefined], ['"5,0"', undefined], ['"1.234,5"', undefined], ['"12,34"', undefined], ['"+5"', undefined], ['"--5"', undefined], ['"1e3"', undefined], ['"0x10"', undefined], ['"NaN"', undefined], ['"Infinity"', undefined], ['"1_000"', undefined], ['"\u0665"', undefined],
  ['true', undefined], ['[5]', undefined], ['[]', undefined], ['[5,6]', undefined], ['{}', undefined], ['{"n":5}', undefined], ['"five"', undefined],
];

/** Of Plumb's own format, which reads numbers alone. */
export const nativeQuantities: readonly Judged<number>[] = quantities.map(([raw, means]) => [raw, raw?.startsWith('"') || raw?.startsWith('[') ? undefined : means]);

/** Cells of a CSV. */
export const cells: readonly Judged<number>[] = [
  ['5', 5], ['-7', -7], ['"1,234"', 1_234], ['12.0', 12], ['"0"', 0],
  ['', undefined], ['0.5', undefined], [' 5', undefined], ['1e3', undefined], ['NaN', undefined], ['1000000001', undefined], ['five', undefined], ['5-', undefined], ['"5""6"', undefined],
];

/** SKUs that are others than those of the history, however alike: they must not touch them. */
export const otherSkus: readonly string[] = [' A', 'A ', 'a', 'A\u0301', '\u00c1', '\u200fA', 'A.B', 'A*', 'A>', '__proto__', 'constructor', 'toString', '👟', 'ß', 'A/1', '01', 'x'.repeat(200)];

export const badSkus: readonly (string | undefined)[] = [undefined, 'null', '""', '"   "', '7', 'true', '{}', '"A\\u0000"', '"A\\n"', '"\\ud800"', `"${'x'.repeat(201)}"`, '["A","B"]'];
export const badNativeSkus: readonly (string | undefined)[] = [undefined, 'null', '""', '7', 'true', '{}', '"\\ud800"', `"${'x'.repeat(201)}"`, '["A"]'];

export const badPlaces: readonly (string | undefined)[] = [undefined, 'null', '""', '"W9"', '"w1"', '7', '"constructor"', '"__proto__"', '["W1","W2"]', '{}'];
export const badVersions: readonly (string | undefined)[] = [undefined, 'null', '""', '-1', '1.5', '"5"', '1e309', '9007199254740993', '9007199254740992', 'true', '{}', '[[1.5]]', '[]'];
export const badKinds: readonly (string | undefined)[] = [undefined, 'null', '"COUNT"', '"counts"', '7', '"constructor"', '"__proto__"', '["count","adjust"]'];
/** Whole messages that say nothing. */
export const badMessages: readonly string[] = ['', 'null', '[]', '{}', '5', '"text"', '<html></html>', '{"rows":5}', '{"rows":null}', '{"rows":[]}', '{"rows":{}}', '{"rows":"A"}', '{"rows":[[]]}', '{"rows":[null]}', 'NaN', '{\'rows\':[]}', '{"rows":[{}]}', '\u0000', '[[[[[[]]]]]]', `${'['.repeat(2_000)}${']'.repeat(2_000)}`];
