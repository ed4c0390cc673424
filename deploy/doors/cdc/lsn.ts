/** PostgreSQL's log sequence numbers: `0/16B3748`, bytes of WAL since the cluster began. */

export function parseLsn(text: string): bigint {
  const [high, low] = text.split('/') as [string, string];
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

/**
 * As part of a position.
 *
 * @throws {RangeError} past 8 PiB of WAL, where JavaScript would round it
 */
export function lsnNumber(lsn: bigint): number {
  const number = Number(lsn);
  if (!Number.isSafeInteger(number)) throw new RangeError(`LSN ${formatLsn(lsn)} is past what a position can hold`);
  return number;
}
