import test from 'ava';
import type { Effect } from '../../actors/effect.ts';
import { findingMachine } from '../../actors/reconciler/machine.ts';
import type { DriftAlert, Finding, FindingEvent } from '../../actors/reconciler/protocol.ts';
import { stepper } from '../../runtime/step.ts';

const machine = stepper<Finding>(findingMachine);

const found: Finding = {
  id: 'drf-1', account: 'ebay-us', sku: 'A', class: 'foreign-edit', severity: 'high', version: 7, expected: 5, observed: 45, unitsAtRisk: 40, observableAt: 100, detectedAt: 150, repairs: 0,
};
const asked: FindingEvent = { type: 'repair.asked' };
const decided = (n: number): FindingEvent => ({ type: 'repair.decided', signature: `eby-${n}` });
const again = (version: number): FindingEvent => ({ type: 'observed.again', version, observed: 45 });
const proven: FindingEvent = { type: 'proven', quantity: 5, at: 900, by: 'read' };

/** Steps a fresh finding; between any two steps it goes through its record and back. */
function given(...events: FindingEvent[]): { state: unknown; status: string; finding: Finding; alerts: unknown[] } {
  let state = machine.initial(found);
  const effects: Effect[] = [];
  let status = 'active';
  for (const event of events) {
    state = machine.step(state, event, effects);
    status = state.status;
    if (status === 'active') state = machine.restore(JSON.parse(JSON.stringify({ value: state.value, context: state.context })) as { value: unknown; context: Finding });
  }
  const alerts = effects.map(effect => {
    if (effect.kind !== 'publish') return effect;
    const { state: told, action, repairs, proof } = effect.body as DriftAlert;
    return { to: effect.to.join(), id: effect.id, state: told, action, repairs, ...(proof && { proof }) };
  });
  return { state: state.value, status, finding: state.context as Finding, alerts };
}

const opened = (repairs: number): unknown => ({ to: 'drift,high,ebay-us,A', id: `drf-1:open:${repairs}`, state: 'open', action: 'write the intended quantity again and read it back', repairs });

const mending = (repairs: number): unknown => ({ to: 'drift,high,ebay-us,A', id: `drf-1:repairing:${repairs}`, state: 'repairing', action: 'the repair is written, then read back', repairs });

test('a finding that asks for a repair is told as open', t => {
  const { state, finding, alerts } = given(asked);
  t.deepEqual([state, finding], ['open', { ...found, repairs: 1 }]);
  t.deepEqual(alerts, [opened(1)]);
});

test('the whole finding is in the alert', t => {
  const effects: Effect[] = [];
  machine.step(machine.initial(found), asked, effects);
  t.deepEqual(effects, [{ kind: 'publish', to: ['drift', 'high', 'ebay-us', 'A'], id: 'drf-1:open:1', body: { ...found, repairs: 1, state: 'open', action: 'write the intended quantity again and read it back' } }]);
});

test('the signature of the repair is kept and told once it is decided', t => {
  const { state, finding, alerts } = given(asked, decided(8));
  t.deepEqual([state, finding], ['repairing', { ...found, repairs: 1, repair: 'eby-8' }]);
  t.deepEqual(alerts, [opened(1), mending(1)]);
  const effects: Effect[] = [];
  machine.step(machine.step(machine.initial(found), asked, []), decided(8), effects);
  t.like(effects[0], { kind: 'publish', body: { state: 'repairing', repair: 'eby-8' } });
});

test('what no write of ours mends is a person\'s from the start, and over by proof like any other', t => {
  const { state, alerts } = given({ type: 'person.asked', action: 'link it again' });
  t.is(state, 'task');
  t.deepEqual(alerts, [{ to: 'drift,high,ebay-us,A', id: 'drf-1:task:0', state: 'task', action: 'link it again', repairs: 0 }]);
  t.is(given({ type: 'person.asked', action: 'link it again' }, proven).status, 'done');
});

test('a repair that did not hold opens the finding again, under the newer version, and is told again', t => {
  const { state, finding, alerts } = given(asked, decided(8), again(8), asked);
  t.deepEqual([state, finding], ['open', { ...found, version: 8, repairs: 2, repair: 'eby-8' }]);
  t.deepEqual(alerts, [opened(1), mending(1), opened(2)]);
});

test('three repairs that did not hold make one task, and nothing more is asked for', t => {
  const thrice = [1, 2, 3].flatMap(n => [asked, decided(n), again(n)]);
  const { state, alerts } = given(...thrice, asked, again(9), asked);
  t.is(state, 'task');
  t.deepEqual(alerts, [opened(1), mending(1), opened(2), mending(2), opened(3), mending(3), {
    to: 'drift,high,ebay-us,A', id: 'drf-1:task:3', state: 'task', action: 'look who else writes A at ebay-us; 3 repairs did not hold', repairs: 3,
  }]);
});

test('proof resolves a finding in whatever state it is, and tells what proved it', t => {
  const thrice = [1, 2, 3].flatMap(n => [asked, decided(n), again(n)]);
  for (const events of [[asked], [asked, decided(8)], [...thrice, asked]]) {
    const { status, alerts } = given(...events, proven);
    const repairs = events.filter(e => e === asked).length;
    t.deepEqual([status, alerts.at(-1)], ['done', {
      to: 'drift,high,ebay-us,A', id: `drf-1:resolved:${Math.min(3, repairs)}`, state: 'resolved', action: 'none', repairs: Math.min(3, repairs), proof: { quantity: 5, at: 900, by: 'read' },
    }]);
  }
});
