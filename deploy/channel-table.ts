/** The channels' own declarations as the tables of docs/channels.md and README.md, and as text for a terminal. */
import type { ChannelProfile, ListingShape, WriteKind } from '../actors/channel/profile.ts';

const kinds: Record<WriteKind, string> = {
  swap: 'compare and swap',
  version: 'under a version',
  set: 'plain set',
  gross: 'set, open orders included',
};

/** The rows of a channel, in order. */
export function rowsOf(profile: ChannelProfile): Record<string, string> {
  const { write, verification, readBatch, listing, countsSold, tellsInactive, orders, rates, token, notifications, bulk } = profile;
  return {
    'kind of write': write.kinds.map(kind => `${kind} (${kinds[kind]})`).join(', or '),
    'entries a write': String(write.batch),
    'leaves alone': write.spares,
    'proven by': verification.answerProves === false ? 'a read' : `the answer ${verification.answerProves}; else a read`,
    'read back': `from ${seconds(verification.afterMs)} on, drift after ${seconds(verification.withinMs)}`,
    'listings a read': String(readBatch),
    'columns of a table of listings': columnsOf(listing),
    'counts its own sales': countsSold ?? 'no',
    'tells what is not for sale': tellsInactive ? 'yes' : 'no',
    orders,
    rates,
    token: `${lifeOf(token.lifeMs)}${rotation(token.rotatesWhen)}`,
    notifications,
    bulk,
  };
}

/** `plumb listings import --csv` takes them. */
function columnsOf({ fields, open, idOf }: ListingShape): string {
  const named = Object.entries(fields).map(([name, { is, needed }]) => `\`${name}\` (${needed ? is : `${is}; may be left out`})`);
  return ['`sku`', ...(idOf ? [] : ['`listing` (its id)']), ...named, ...(open ? ['and every field that the mapping reads'] : [])].join(', ');
}

/** Where the tables stand in docs/channels.md and README.md. */
export const markers = ['<!-- plumb channel list -->\n', '<!-- end -->'] as const;

/** A Markdown section a channel: docs/channels.md holds them between its markers. */
export function channelTable(profiles: readonly ChannelProfile[]): string {
  return profiles.map(profile => [
    `### ${profile.title}`,
    '',
    '| | |',
    '| --- | --- |',
    ...Object.entries(rowsOf(profile)).map(([name, text]) => `| ${name} | ${text} |`),
    '',
    'Open questions (`plumb channel probe`): ' + profile.questions.map(({ asks, source, experiment }) => `${asks} *(${source}${experiment === 'person' ? '; by hand' : ''})*`).join(' '),
    '',
  ].join('\n')).join('\n');
}

/** One line a channel: the README's table. */
export function shortTable(profiles: readonly ChannelProfile[]): string {
  const header = ['channel', 'write', 'entries a call', 'proven by', 'drift after', 'listings a read', 'conditional', 'feeds for raises', 'tells of changes by', 'rotating token'];
  const rows = profiles.map(profile => {
    const { title, write, verification, readBatch, token, feed, notifiesBy } = profile;
    return [
      title, write.kinds.join(', '), write.batch, verification.answerProves === false ? 'read' : 'answer, read', seconds(verification.withinMs), readBatch,
      write.kinds.some(kind => kind === 'swap' || kind === 'version') ? '✔' : '', feed === undefined ? '' : '✔', notifiesBy ?? '', token.rotatesWhen === undefined ? '' : '✔',
    ];
  });
  return [header, header.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n') + '\n';
}

export function channelText(profiles: readonly ChannelProfile[]): string {
  return profiles.map(profile => [
    `${profile.channel}  (${profile.title})`,
    ...Object.entries(rowsOf(profile)).map(([name, text]) => `  ${name.padEnd(16)} ${text.replaceAll('`', '')}`),
    '',
  ].join('\n')).join('\n');
}

function seconds(ms: number): string {
  return ms < 120_000 ? `${ms / 1_000} s` : `${ms / 60_000} min`;
}

function lifeOf(ms: number): string {
  return ms < 3_600_000 ? `${ms / 60_000} min` : `${ms / 3_600_000} h`;
}

function rotation(when: ChannelProfile['token']['rotatesWhen']): string {
  if (when === undefined) return '';
  const under = Object.entries(when).map(([name, value]) => `${name}: ${String(value)}`).join(', ');
  return `; the refresh token rotates${under && ` with \`${under}\``}, so \`secretsDir\` is compulsory`;
}
