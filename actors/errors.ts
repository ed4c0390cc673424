/**
 * How a call to the outside failed. The class decides what happens next, the message informs people.
 * Anything thrown that is none of these is a bug and is quarantined.
 */

/** What every failure of a channel call can tell beside its message. */
export interface FailureDetails {
  /** The vendor's own code, e.g. `QuotaExceeded` or `25001`. */
  code?: string;
  /** HTTP status, where there was an answer. */
  status?: number;
  /** The vendor's request id, for a ticket at the vendor. */
  requestId?: string;
  cause?: unknown;
}

abstract class ChannelError extends Error {
  readonly code: string | undefined;
  readonly status: number | undefined;
  readonly requestId: string | undefined;

  constructor(message: string, details: FailureDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    this.status = details.status;
    this.requestId = details.requestId;
  }
}

/** The channel refused for rate: nothing was executed. Waiting costs no attempt. */
export class ThrottledError extends ChannelError {
  override readonly name = 'ThrottledError';
  /** The channel's own wish, or undefined when it gave none. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, details: FailureDetails & { retryAfterMs?: number } = {}) {
    super(message, details);
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** It failed before anything could be applied (connection refused, a 5xx that says so). Try again later. */
export class RetryableError extends ChannelError {
  override readonly name = 'RetryableError';
}

/** No answer, or one that proves nothing: the write counts as possibly applied. */
export class AmbiguousError extends ChannelError {
  override readonly name = 'AmbiguousError';
}

/** The credential is dead: one task, the account waits, no job is lost. */
export class AuthError extends ChannelError {
  override readonly name = 'AuthError';
}

/** The channel will never accept this call as it stands. A dead letter. */
export class TerminalError extends ChannelError {
  override readonly name = 'TerminalError';
}
