/** `plumb` as a person runs it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../../deploy/cli/plumb.ts', import.meta.url));

export function runPlumb(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise(resolve => {
    execFile(process.execPath, [command, ...args], { env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', COLUMNS: '200', ...env } }, (error, stdout, stderr) =>
      resolve({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, stdout, stderr }));
  });
}
