/** Saves one pair after another until it is killed, and tells of each that it may use. For token-file.test.ts. */
import { tokenFiles } from '../../deploy/token-file.ts';

const [dir, first] = process.argv.slice(2) as [string, string];
const store = tokenFiles(dir);
for (let n = Number(first); ; n++) {
  await store.save('a-1', { accessToken: `access-${n}`, refreshToken: `refresh-${n}`, expiresAt: n });
  process.send!({ saved: n });
}
