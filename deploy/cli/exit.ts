/** Exit codes that scripts can rely on, and the two errors that choose them. */
export const exitCode = {
  ok: 0,
  /** A check failed, or what was asked for is not there. */
  failed: 1,
  /** The command was called wrongly, or was given bad input. */
  usage: 2,
} as const;

/** The caller is wrong: a flag, a file, a value. The message names it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The call was right and the answer is no. */
export class FailedError extends Error {
  override readonly name = 'FailedError';
}
