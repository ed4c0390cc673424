/** Patterns of subjects, as the simulated broker finds who takes a message. */
import test from 'ava';
import { Patterns } from './broker/match.ts';

test('who takes a subject is found in the order they came in, wherever their wildcards stand', t => {
  const patterns = new Patterns<string>();
  for (const [name, ...of] of [['records', '$KV.sku.>'], ['all', '>'], ['both', 'sku.*.A', 'dead.>'], ['any B', '*.7.B'], ['plain', 'sku.7.A'], ['epochs', '$KV.sku.*._epoch']] as const) patterns.set(name, of);
  t.deepEqual(patterns.of('$KV.sku.7.A'), ['records', 'all']);
  t.deepEqual(patterns.of('$KV.sku.7._epoch'), ['records', 'all', 'epochs']);
  t.deepEqual(patterns.of('$KV.sku.7.8._epoch'), ['records', 'all']);
  t.deepEqual(patterns.of('$KV.sku.._epoch'), ['records', 'all']);
  t.deepEqual(patterns.of('sku.7.A'), ['all', 'both', 'plain']);
  t.deepEqual(patterns.of('sku.7.B'), ['all', 'any B']);
  t.deepEqual(patterns.of('dead.letter'), ['all', 'both']);
  t.deepEqual(patterns.of('elsewhere'), ['all']);
});

test('who comes or goes is found, or not, from then on', t => {
  const patterns = new Patterns<string>();
  patterns.set('first', ['sku.>']);
  t.deepEqual(patterns.of('sku.7.A'), ['first']);
  patterns.set('second', ['sku.7.*']);
  t.deepEqual(patterns.of('sku.7.A'), ['first', 'second']);
  patterns.delete('first');
  t.deepEqual(patterns.of('sku.7.A'), ['second']);
  t.deepEqual([...patterns.things], ['second']);
});
