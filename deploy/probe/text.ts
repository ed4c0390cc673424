/** The probe's findings as lines for a terminal. */
import { stringify } from 'yaml';
import type { ChannelProfile } from '../../actors/channel/profile.ts';
import type { Probed } from './probe.ts';
import type { Session } from './session.ts';

export function probeText({ checks, headers, answers, settings, unrestored }: Probed, { account, profile, meters, calls, throttled }: Session): string {
  const lines = [`${account.account}: ${profile.title} at ${account.baseUrl}`, ''];
  for (const { name, ok, told } of checks) lines.push(`  ${ok ? '✔' : '✘'} ${name.padEnd(10)} ${told}`);
  lines.push('', ...abilities(profile), '');
  const seen = Object.entries(headers);
  lines.push(seen.length === 0 ? '  no answer had a header that speaks of rate' : '  headers that speak of rate and version:');
  for (const [name, value] of seen) lines.push(`    ${name}: ${value}`);
  for (const { limit, ...told } of meters.values()) {
    const figures = Object.entries(told).map(([name, value]) => `${name} ${value}`).join(', ');
    lines.push(`    so the budget of ${limit}: ${figures}`);
  }
  lines.push(`  ${calls} calls, ${throttled} refused for rate`);
  if (answers.length > 0) lines.push('', '  Questions that the documents leave open', '');
  for (const answer of answers) {
    lines.push(`  ${answer.asks} (${answer.source})`);
    if (answer.kind === 'answered') lines.push(`    ✔ ${answer.answer}`, `      ${answer.evidence}`);
    else lines.push(`    ${answer.kind === 'failed' ? '✘' : '-'} ${answer.why}`);
  }
  if (Object.keys(settings).length > 0) {
    lines.push('', '  For the configuration, from a few samples; keep the larger of these and your own:', '');
    lines.push(...stringify({ accounts: [{ account: account.account, settings }] }).trimEnd().split('\n').map(line => `    ${line}`));
  }
  for (const line of unrestored) lines.push('', `  ✘ ${line}`);
  return `${lines.join('\n')}\n`;
}

function abilities({ write, verification, readBatch, orders, rates, bulk }: ChannelProfile): string[] {
  const proof = verification.answerProves === false ? 'the answer proves nothing' : `the answer proves it ${verification.answerProves}`;
  return Object.entries({
    writes: `${write.kinds.join(' or ')}, ${write.batch} a call; ${write.spares}`,
    proof: `${proof}; else read back, within ${verification.withinMs / 1_000} s`,
    reading: `${readBatch} listings a call`,
    'order list': orders,
    'its rates': rates,
    bulk,
  }).map(([name, text]) => `    ${name.padEnd(10)} ${text}`);
}
