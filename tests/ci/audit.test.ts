/** The audit of dependencies says what it found, and when it could not ask. */
import { readFile } from 'node:fs/promises';
import test from 'ava';
import { unsealed, verdictOf } from '../../.ci/audit.ts';

test('a grave vulnerability fails, a slight one is told, and a registry that cannot be asked is told as such', t => {
  const metadata = { dependencies: { prod: 210 } };
  t.deepEqual(verdictOf({ vulnerabilities: {}, metadata }), { told: ['asked: 210 packages run in production, 0 with a known vulnerability, 0 of them high or critical'], failed: false });
  const slight = { semver: { severity: 'moderate', range: '<7.5.2' } };
  t.deepEqual(verdictOf({ vulnerabilities: slight, metadata }), { told: ['asked: 210 packages run in production, 1 with a known vulnerability, 0 of them high or critical', 'moderate: semver <7.5.2'], failed: false });
  t.true(verdictOf({ vulnerabilities: { ...slight, undici: { severity: 'critical' } }, metadata }).failed);
  for (const report of [{}, { message: '405 Method Not Allowed' }]) {
    const { told, failed } = verdictOf(report);
    t.regex(told[0]!, /^NOT ASKED: (npm audit gave no answer|405 Method Not Allowed)$/);
    t.false(failed);
  }
});

test('every package of the lock has its checksum', async t => {
  t.deepEqual(unsealed(JSON.parse(await readFile(new URL('../../package-lock.json', import.meta.url), 'utf8')) as Parameters<typeof unsealed>[0]), []);
  t.deepEqual(unsealed({ packages: { '': {}, 'node_modules/a': { integrity: 'sha512-x' }, 'node_modules/b': { resolved: 'https://r/b.tgz' } } }), ['node_modules/b']);
});
