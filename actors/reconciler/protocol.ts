/** Findings of the reconciler and what it tells about them: the wire format of `drift.<severity>.<account>.<key>`. */

/** Why what a channel shows differs from what was intended. */
export type DriftClass =
  /** Somebody else changed a number that was proven. */
  | 'foreign-edit'
  /** An accepted or ambiguous write was never seen. */
  | 'lost-write'
  /** The listing cannot be bought, whatever its quantity. */
  | 'frozen-listing'
  /** The channel does not know the listing. */
  | 'missing-listing';

/** `high`: the channel offers units that do not exist for it. */
export type Severity = 'high' | 'low';

export interface Finding {
  /** `drf-…`, stable over its life. */
  id: string;
  account: string;
  sku: string;
  class: DriftClass;
  severity: Severity;
  /** The intent that was found not to hold. */
  version: number;
  expected: number;
  observed: number;
  /** First read that could have shown it, epoch ms. */
  observableAt: number;
  detectedAt: number;
  /** Repairs asked for so far. */
  repairs: number;
  /** Signature of the write that repairs it, once decided. */
  repair?: string;
}

/** One JSON message on `drift.…`; `resolved` and `task` end a finding. */
export type DriftAlert = Finding & {
  state: 'open' | 'resolved' | 'task';
  /** What is being done, or what a person should do. */
  action: string;
  resolvedAt?: number;
  /** What proved it, when resolved. */
  proof?: { quantity: number; at: number; by: 'write' | 'read' };
};

export type FindingEvent =
  | { type: 'repair.asked' }
  | { type: 'repair.decided'; signature: string }
  /** The intent of that version, the repair among them, was found not to hold either. */
  | { type: 'observed.again'; version: number; observed: number }
  | { type: 'proven'; quantity: number; at: number; by: 'write' | 'read' };
