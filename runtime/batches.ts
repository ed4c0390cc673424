/** Many things to be done over one connection, some of them at a time. */

/** @param onDone told after each batch how many are done */
export async function inBatches<T>(items: readonly T[], most: number, act: (item: T) => Promise<unknown>, onDone?: (count: number) => void): Promise<void> {
  for (let n = 0; n < items.length; n += most) {
    const batch = items.slice(n, n + most);
    await Promise.all(batch.map(item => act(item)));
    onDone?.(n + batch.length);
  }
}
