/** Numbers as sources write them: what is taken, and what each thing that is not is called. */
import test from 'ava';
import fc from 'fast-check';
import { MalformedError } from '../../../actors/sku/ingest/refusal.ts';
import { numberFormat, unitsOf } from '../../../actors/sku/ingest/units.ts';

const read = (value: unknown, format: object = {}): unknown => {
  try {
    return unitsOf('quantity', value, numberFormat.parse(format), 'row.qty');
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return error.message;
  }
};
const all = (values: readonly unknown[], format?: object): unknown[] => values.map(value => read(value, format));

test('missing is never zero, whatever stands for nothing', t => {
  t.deepEqual(all([undefined, null, '']), ['nothing', 'null', '""'].map(shown => `quantity: is missing, and missing is never zero, got ${shown} from row.qty`));
  t.deepEqual(all([undefined, null, ''], { text: true, factor: 12 }).map(told => String(told).slice(0, 20)), Array(3).fill('quantity: is missing'));
});

test('a whole number is taken, below zero too, and -0 is 0', t => {
  t.deepEqual(all([0, -0, 264.0, -1, 1_000_000_000, -1_000_000_000]), [0, 0, 264, -1, 1_000_000_000, -1_000_000_000]);
});

test('what is no whole number of units, or too many, is refused with field, value and expression', t => {
  t.deepEqual(all([0.5, NaN, Infinity, -Infinity, 1_000_000_001, 2 ** 31, 2 ** 53, true, [5], { n: 5 }]), [
    'quantity: is no whole number of units, got 0.5 from row.qty',
    'quantity: is no finite number, got NaN from row.qty',
    'quantity: is no finite number, got Infinity from row.qty',
    'quantity: is no finite number, got -Infinity from row.qty',
    'quantity: is more than 1000000000 units, got 1000000001 from row.qty',
    'quantity: is more than 1000000000 units, got 2147483648 from row.qty',
    'quantity: is more than 1000000000 units, got 9007199254740992 from row.qty',
    'quantity: is no number, got true from row.qty',
    'quantity: is no number, got [5] from row.qty',
    'quantity: is no number, got {"n":5} from row.qty',
  ]);
});

test('text is a number only where the mapping says so', t => {
  t.is(read('10'), 'quantity: is text where a number is wanted (numbers.text lets it be read), got "10" from row.qty');
  t.deepEqual(all(['10', '264.0', '-1.0', '007', '1000000000'], { text: true }), [10, 264, -1, 7, 1_000_000_000]);
});

test('text that is not written as the mapping says is no number', t => {
  const odd = [' 5', '5 ', '+5', '1e3', '0x10', '5-', '--5', '-', '.5', '5.', '1.2.3', '1,234', 'NaN', 'Infinity', '\u0665', '\u22125', '5\u0000', '1_000', '٣'];
  t.deepEqual(all(odd, { text: true }).map(told => String(told).slice(0, 23)), Array(odd.length).fill('quantity: is no number,'));
});

test('groups and decimal signs are read as declared, and no other way', t => {
  const english = { text: true, group: ',' };
  const german = { text: true, decimal: ',', group: '.' };
  t.deepEqual(all(['1,234', '1,234,567', '1234', '-1,234.0'], english), [1_234, 1_234_567, 1_234, -1_234]);
  t.deepEqual(all(['1.234', '1.234,0', '12', '-7,00'], german), [1_234, 1_234, 12, -7]);
  t.is(read('1.234,5', german), 'quantity: is no whole number of units, got "1.234,5" from row.qty');
  const wrong = all(['12,34', '1,2345', ',123', '1,,234', '1.234,5', '1234,567'], english);
  t.deepEqual(wrong.map(told => String(told).slice(0, 23)), Array(6).fill('quantity: is no number,'));
  t.deepEqual([read('5-', { text: true, minus: 'trailing' }), read('5', { text: true, minus: 'trailing' })], [-5, 5]);
  t.throws(() => numberFormat.parse({ decimal: ',', group: ',' }), { message: /same character/ });
});

test('a factor makes units of the source\'s own, and what stays a fraction is refused', t => {
  t.deepEqual(all([1, 0.5, 2.5, -1], { factor: 12 }), [12, 6, 30, -12]);
  t.deepEqual(all([0.1, 0.7], { factor: 30 }), [3, 21]);
  t.is(read(0.3, { factor: 12 }), 'quantity: times 12 is no whole number of units, got 0.3 from row.qty');
});

test('a float column is read as the whole unit it means, within the tolerance and not beyond', t => {
  t.deepEqual(all([4.999999904632568, 5.0000001], { tolerance: 0.0001 }), [5, 5]);
  t.is(read(4.999, { tolerance: 0.0001 }), 'quantity: is no whole number of units, got 4.999 from row.qty');
  t.is(read(4.999999904632568), 'quantity: is no whole number of units, got 4.999999904632568 from row.qty');
});

test('a number comes back as it was written, in every declared way of writing it', t => {
  const ways = [{ decimal: '.', group: ',' }, { decimal: ',', group: '.' }, { decimal: '.', group: ' ' }, { decimal: ',', group: '\u00a0' }] as const;
  t.notThrows(() => fc.assert(fc.property(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), fc.constantFrom(...ways), fc.boolean(), (units, { decimal, group }, fraction) => {
    const digits = String(Math.abs(units)).replace(/\B(?=(\d{3})+$)/g, group);
    return read(`${units < 0 ? '-' : ''}${digits}${fraction ? `${decimal}00` : ''}`, { text: true, decimal, group }) === units + 0;
  }), { numRuns: 2_000 }));
});
