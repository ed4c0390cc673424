/** Certificates of one's own authority: X.509 by node-forge, keys by Node, which makes them in a fraction of the time. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import forge from 'node-forge';

/** PEM. */
export interface Certified { cert: string; key: string }

export interface Validity { from: Date; until: Date }

/** @param name for people: it stands in each certificate that is issued */
export function newAuthority(name: string, validity: Validity): Certified {
  return certified({ name, validity, extensions: [{ name: 'basicConstraints', cA: true, critical: true }, { name: 'keyUsage', keyCertSign: true, critical: true }] });
}

/**
 * For servers that call each other as well.
 *
 * @param hosts names and addresses by which they are reached
 */
export function issue(by: Certified, { name, hosts, validity }: { name: string; hosts: readonly string[]; validity: Validity }): Certified {
  const altNames = hosts.map(host => (isIP(host) ? { type: 7, ip: host } : { type: 2, value: host }));
  return certified({ name, validity, by, extensions: [{ name: 'subjectAltName', altNames }, { name: 'extKeyUsage', serverAuth: true, clientAuth: true }] });
}

function certified({ name, validity, by, extensions }: { name: string; validity: Validity; by?: Certified; extensions: object[] }): Certified {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey);
  // Positive, as X.509 wants it.
  certificate.serialNumber = `01${randomBytes(15).toString('hex')}`;
  [certificate.validity.notBefore, certificate.validity.notAfter] = [validity.from, validity.until];
  const subject = [{ name: 'commonName', value: name }];
  certificate.setSubject(subject);
  certificate.setIssuer(by ? forge.pki.certificateFromPem(by.cert).subject.attributes : subject);
  certificate.setExtensions(extensions);
  certificate.sign(forge.pki.privateKeyFromPem(by?.key ?? privateKey), forge.md.sha256.create());
  return { cert: forge.pki.certificateToPem(certificate), key: privateKey };
}
