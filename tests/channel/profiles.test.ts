/** What channels declare of themselves, and the documents that are made from it. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { channelTable, markers, shortTable } from '../../deploy/channel-table.ts';
import { adapters, channelHooks, profiles, rotates } from '../../deploy/channels.ts';
import { SandboxClock } from '../../deploy/sandbox/kit/clock.ts';
import { channels, sandboxOf } from '../../deploy/sandbox/registry.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

function between(text: string): string {
  const [begin, end] = markers;
  return text.slice(text.indexOf(begin) + begin.length, text.indexOf(end, text.indexOf(begin)));
}

test('docs/channels.md and README.md hold the tables that the declarations give: plumb channel list --markdown', t => {
  t.is(between(read('docs/channels.md')), channelTable(Object.values(profiles)));
  t.is(between(read('README.md')), shortTable(Object.values(profiles)));
});

test('every channel has an adapter, a profile of its name, and limits; and hooks are of channels that there are', t => {
  t.deepEqual(Object.keys(profiles).sort(), Object.keys(adapters).sort());
  t.deepEqual(Object.entries(profiles).filter(([channel, profile]) => channel !== profile.channel), []);
  t.deepEqual(Object.keys(channelHooks).filter(channel => !adapters[channel]), []);
});

test('every question has a name of its own and a source, and one for a person tells how', t => {
  for (const { channel, questions } of Object.values(profiles)) {
    t.is(new Set(questions.map(({ id }) => id)).size, questions.length, channel);
    t.deepEqual(questions.filter(({ experiment, instructions }) => (experiment === 'person') !== (instructions !== undefined)), [], channel);
    t.deepEqual(questions.filter(({ source, asks }) => source === '' || !asks.endsWith('?') && !asks.includes('?')), [], channel);
  }
});

test('what an answer sets is a setting that the channel\'s adapter takes', t => {
  for (const channel of channels) {
    const { credentials, settings } = sandboxOf(channel)({ account: 'a', clock: new SandboxClock(1) });
    const asked = profiles[channel]!.questions.flatMap(question => Object.entries(question.settings ?? {}));
    const found = Object.fromEntries(asked.map(([name, figure]) => [name, { afterMs: 1_000, withinMs: 60_000, batch: 1 }[figure]]));
    const make = (more: object) => adapters[channel]!(
      { account: 'a', channel, baseUrl: 'https://localhost', credentials, settings: { ...settings, ...more } },
      { now: () => 0, uuid: () => '', timeScale: 1, tokens: { load: async () => undefined, save: async () => {} } },
    );
    t.notThrows(() => make(found), `${channel}: ${JSON.stringify(found)}`);
    if (channel !== 'shopify' && channel !== 'generic-rest') t.true(asked.length > 0, channel);
    t.throws(() => make({ noSuchSetting: 1 }), undefined, `${channel} takes any setting`);
  }
});

test('a profile tells under which settings the refresh token rotates', t => {
  t.deepEqual(
    [['mercadolibre', {}], ['shopify', {}], ['shopify', { grant: 'refresh-token' }], ['ebay', {}]].map(([channel, settings]) => rotates(profiles[channel as string]!, settings as object as Record<string, unknown>)),
    [true, false, true, false],
  );
});
