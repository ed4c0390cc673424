/**
 * Asks the registry for known vulnerabilities of what runs in production. Fails for one that is high or critical; where
 * the registry cannot be asked, it says so and fails nothing: silence is not taken for health.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

interface Report { message?: string; vulnerabilities?: Record<string, { severity: string; range?: string; isDirect?: boolean }>; metadata?: { dependencies?: { prod?: number } } }
interface Lock { packages: Record<string, { resolved?: string; integrity?: string; link?: boolean }> }

/** What is told, and whether it fails. @param report the answer of `npm audit --omit=dev --json` */
export function verdictOf(report: Report): { told: string[]; failed: boolean } {
  if (!report.vulnerabilities) return { told: [`NOT ASKED: ${report.message ?? 'npm audit gave no answer'}`, 'Nothing is known of vulnerabilities from this run; ask where the registry can be reached: npm audit --omit=dev'], failed: false };
  const found = Object.entries(report.vulnerabilities);
  const grave = found.filter(([, { severity }]) => severity === 'high' || severity === 'critical');
  return {
    told: [
      `asked: ${report.metadata?.dependencies?.prod ?? '?'} packages run in production, ${found.length} with a known vulnerability, ${grave.length} of them high or critical`,
      ...found.map(([name, { severity, range = '' }]) => `${severity}: ${name} ${range}`),
    ],
    failed: grave.length > 0,
  };
}

/** Packages of the lock that could be replaced by others unseen. */
export function unsealed({ packages }: Lock): string[] {
  return Object.entries(packages).filter(([path, { integrity, link }]) => path !== '' && !link && integrity === undefined).map(([path]) => path);
}

if (import.meta.main) {
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8' });
  let report: Report = {};
  try {
    report = JSON.parse(stdout) as Report;
  } catch {
    // Told as not asked.
  }
  const { told, failed } = verdictOf(report);
  const open = unsealed(JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as Lock);
  for (const line of [...told, open.length === 0 ? 'every package of the lock has its checksum' : `without a checksum in the lock: ${open.join(', ')}`]) process.stdout.write(`${line}\n`);
  process.exitCode = failed || open.length > 0 ? 1 : 0;
}
