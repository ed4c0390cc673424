/** A certificate authority for one test: the broker's certificate, and those of whom it lets in. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import forge from 'node-forge';

export interface Files { cert: string; key: string }

export interface Authority {
  /** Its own certificate. */
  ca: string;
  /** @param ended a certificate whose time is over */
  issue(name: string, ended?: boolean): Promise<Files>;
}

const hour = 3_600_000;
let serial = 1;

interface Pair { publicKey: forge.pki.PublicKey; privateKey: forge.pki.rsa.PrivateKey; pem: string }

/** Node makes keys in a fraction of the time. */
function newPair(): Pair {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { pem, privateKey: forge.pki.privateKeyFromPem(pem), publicKey: forge.pki.publicKeyFromPem(publicKey.export({ type: 'spki', format: 'pem' }).toString()) };
}

export async function authority(folder: string, name: string): Promise<Authority> {
  const own = newPair();
  const signed = (subject: string, { publicKey }: Pair, ended: boolean, extensions: object[]): string => {
    const certificate = forge.pki.createCertificate();
    certificate.publicKey = publicKey;
    certificate.serialNumber = (serial += 1).toString(16).padStart(4, '0');
    certificate.validity.notBefore = new Date(Date.now() - 2 * hour);
    certificate.validity.notAfter = new Date(Date.now() + (ended ? -hour : hour));
    certificate.setSubject([{ name: 'commonName', value: subject }]);
    certificate.setIssuer([{ name: 'commonName', value: name }]);
    certificate.setExtensions(extensions);
    certificate.sign(own.privateKey, forge.md.sha256.create());
    return forge.pki.certificateToPem(certificate);
  };
  const ca = join(folder, `${name}.pem`);
  await writeFile(ca, signed(name, own, false, [{ name: 'basicConstraints', cA: true, critical: true }, { name: 'keyUsage', keyCertSign: true, critical: true }]));
  return {
    ca,
    async issue(subject, ended = false) {
      const pair = newPair();
      const files = { cert: join(folder, `${subject}.pem`), key: join(folder, `${subject}.key`) };
      await writeFile(files.cert, signed(subject, pair, ended, [
        { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }, { type: 2, value: 'localhost' }] },
        { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      ]));
      await writeFile(files.key, pair.pem, { mode: 0o600 });
      return files;
    },
  };
}
