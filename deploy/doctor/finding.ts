/** What `plumb doctor` finds, and how it is told. */

/** `fail`: Plumb cannot work, or breaks what it promises. `warn`: it works, and somebody should know. */
export interface Finding {
  area: 'configuration' | 'broker' | 'flush' | 'permissions' | 'tls' | 'streams' | 'disk' | 'clock' | 'nodes' | 'tokens' | 'rates' | 'promises' | 'sources';
  state: 'ok' | 'warn' | 'fail';
  told: string;
  /** What to do about it. */
  act?: string;
}

const words = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;

export function findingsText(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ area, state, told, act }) => [`${words[state]}  ${area.padEnd(13)}  ${told}`, ...(act === undefined ? [] : [`${' '.repeat(21)}→ ${act}`])]);
  const count = (state: Finding['state']): number => findings.filter(finding => finding.state === state).length;
  return `${lines.join('\n')}\n\n${count('ok')} ok, ${count('warn')} to know, ${count('fail')} failed\n`;
}
