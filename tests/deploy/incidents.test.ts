/**
 * Incidents as `plumb replay <sku> --export` wrote them: each still folds to the record that was stored then. Put the
 * file of the next one beside them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { differencesUpTo, replayOf } from '../../deploy/replay.ts';
import type { Incident } from '../../deploy/replay.ts';

const folder = new URL('../fixtures/incidents/', import.meta.url);
const load = (file: string): Incident => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Incident;

for (const file of readdirSync(folder)) {
  test(`${file} folds to the record that was stored`, t => {
    const incident = load(file);
    t.is(incident.messages.at(-1)!.seq, incident.record!.applied);
    t.deepEqual(differencesUpTo(replayOf(incident), incident.messages, incident.record!), []);
  });
}

test('a hand edit at eBay is repaired by a write of its own version, and proven', t => {
  const incident = load('hand-edit-at-ebay.json');
  const replay = replayOf(incident);
  const told = incident.messages.map(message => replay.step(message)).filter(({ message }) => (message.body as { account?: string }).account === 'ebay');
  const outlets = told.map(({ after }) => after.context.outlets['ebay']!);
  const repair = told.findIndex(({ message }) => (message.body as { verdict?: string }).verdict === 'drift');
  t.like(outlets[repair], { intent: { quantity: 10, kind: 'repair', lane: 'decrease', version: told[repair]!.message.seq } });
  t.not(outlets[repair]!.intent!.signature, outlets[repair - 1]!.intent!.signature);
  t.like(outlets.at(-1), { proof: { version: told[repair]!.message.seq, quantity: 10, by: 'read' } });
});
