/** Findings of the reconciler and what it tells about them: the wire format of `drift.<severity>.<account>.<key>`. */

/** Why what a channel shows differs from what was intended. */
export type DriftClass =
  /** Somebody else changed a number that was proven. */
  | 'foreign-edit'
  /** A write that the channel's answer proved, or that got none, and that no read ever showed. */
  | 'lost-write'
  /** A write that the channel accepted, and that was not carried out within its time. */
  | 'expired-acceptance'
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
  /** Units that buyers could order and that are not there; and what they are worth, where a price is known. */
  unitsAtRisk: number;
  valueAtRisk?: number;
  /** First read that could have shown it, epoch ms. */
  observableAt: number;
  detectedAt: number;
  /** Repairs asked for so far. */
  repairs: number;
  /** Signature of the write that repairs it, once decided. */
  repair?: string;
}

export const driftClasses: readonly DriftClass[] = ['foreign-edit', 'lost-write', 'expired-acceptance', 'frozen-listing', 'missing-listing'];

/** One JSON message on `drift.…`; `resolved` and `task` end a finding. */
export type DriftAlert = Finding & {
  state: 'open' | 'repairing' | 'resolved' | 'task';
  /** What is being done, or what a person should do. */
  action: string;
  resolvedAt?: number;
  /** What proved it, when resolved. */
  proof?: { quantity: number; at: number; by: 'write' | 'read' };
};

export type FindingEvent =
  | { type: 'repair.asked' }
  /** No write of ours mends it. */
  | { type: 'person.asked'; action: string }
  | { type: 'repair.decided'; signature: string }
  /** The intent of that version, the repair among them, was found not to hold either. */
  | { type: 'observed.again'; version: number; observed: number }
  | { type: 'proven'; quantity: number; at: number; by: 'write' | 'read' };
