/** A certificate authority for one test: the broker's certificate, and those of whom it lets in. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { issue, newAuthority } from '../../deploy/keys/certificate.ts';

export interface Files { cert: string; key: string }

export interface Authority {
  /** Its own certificate. */
  ca: string;
  /** @param ended a certificate whose time is over */
  issue(name: string, ended?: boolean): Promise<Files>;
}

const hour = 3_600_000;

export async function authority(folder: string, name: string): Promise<Authority> {
  const around = (hours: number): { from: Date; until: Date } => ({ from: new Date(Date.now() - 2 * hour), until: new Date(Date.now() + hours * hour) });
  const own = newAuthority(name, around(1));
  const ca = join(folder, `${name}.pem`);
  await writeFile(ca, own.cert);
  return {
    ca,
    async issue(subject, ended = false) {
      const { cert, key } = issue(own, { name: subject, hosts: ['127.0.0.1', 'localhost'], validity: around(ended ? -1 : 1) });
      const files = { cert: join(folder, `${subject}.pem`), key: join(folder, `${subject}.key`) };
      await writeFile(files.cert, cert);
      await writeFile(files.key, key, { mode: 0o600 });
      return files;
    },
  };
}
