/** eBay's side of its notifications (ebay.md 6.3): a signing key, and the service that gives out its public half. */
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { unauthorized } from './answers.ts';
import type { Grants } from './auth.ts';

export class Notifier {
  readonly keyId = randomUUID();
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  readonly #grants: Grants;
  readonly #onAsked: () => void;

  constructor(grants: Grants, onAsked: () => void) {
    this.#grants = grants;
    this.#onAsked = onAsked;
  }

  /** The value of `X-EBAY-SIGNATURE` for a body. */
  signatureOf(body: string, digest: 'SHA1' | 'SHA256' = 'SHA1'): string {
    const signature = sign(digest.toLowerCase(), Buffer.from(body), this.#keys.privateKey).toString('base64');
    return Buffer.from(JSON.stringify({ alg: 'ecdsa', kid: this.keyId, signature, digest })).toString('base64');
  }

  routes(app: FastifyInstance): void {
    app.get<{ Params: { id: string } }>('/commerce/notification/v1/public_key/:id', (request, reply) => {
      this.#onAsked();
      if (!this.#grants.admitsApplication(request)) return reply.code(401).send(unauthorized);
      if (request.params.id !== this.keyId) return reply.code(404).send({ errors: [{ errorId: 195_001, domain: 'API_NOTIFICATION', category: 'REQUEST', message: 'Invalid public key id' }] });
      // One line, as eBay gives it.
      const key = this.#keys.publicKey.export({ type: 'spki', format: 'pem' }).toString().replaceAll('\n', '');
      return { key, algorithm: 'ECDSA', digest: 'SHA1' };
    });
  }
}
