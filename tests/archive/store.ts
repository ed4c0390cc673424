/** What is asked of a store that journals are archived in; held against a folder here, and a real S3 server by `npm run test:archive`. */
import type { ExecutionContext } from 'ava';
import { prepare } from '../../runtime/archive/store.ts';
import type { ArchiveStore } from '../../runtime/archive/store.ts';

export async function keepsWhatItIsGiven(t: ExecutionContext, store: ArchiveStore): Promise<void> {
  t.is(await store.get('SKU/2026-01-01/1.json'), undefined);
  t.deepEqual(await store.list('SKU'), { objects: [], folders: [] });
  const bytes = Buffer.from([0, 255, 10, 13, 128]);
  t.is(await store.putNew('SKU/2026-01-01/1.json', bytes), 'stored');
  t.deepEqual(await store.get('SKU/2026-01-01/1.json'), bytes);

  t.is(await store.putNew('SKU/2026-01-01/1.json', Buffer.from('another')), 'there');
  t.deepEqual(await store.get('SKU/2026-01-01/1.json'), bytes, 'what is there stays');
  const both = await Promise.all(['one', 'two', 'three', 'four'].map(text => store.putNew('SKU/2026-01-02/5.json', Buffer.from(text)).catch(() => 'unsure' as const)));
  t.is(both.filter(outcome => outcome === 'stored').length, 1, 'of several at once, one');

  const large = Buffer.alloc(3_000_000, 'x');
  t.is(await store.putNew('SKU/2026-01-02/10.gz', large), 'stored');
  t.true((await store.get('SKU/2026-01-02/10.gz'))?.equals(large));
  t.is(await store.putNew('ATTEMPT/2026-01-01/1.json', Buffer.alloc(0)), 'stored');
  t.deepEqual(await store.get('ATTEMPT/2026-01-01/1.json'), Buffer.alloc(0));
  t.deepEqual(await store.list(''), { objects: [], folders: ['ATTEMPT', 'SKU'] });
  t.deepEqual(await store.list('SKU'), { objects: [], folders: ['SKU/2026-01-01', 'SKU/2026-01-02'] });
  t.deepEqual(await store.list('SKU/2026-01-02'), { objects: ['SKU/2026-01-02/10.gz', 'SKU/2026-01-02/5.json'], folders: [] });

  await prepare(store);
  await prepare(store);
  t.deepEqual((await store.list('')).objects, ['format.json']);
}
