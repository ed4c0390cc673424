/**
 * What a process of the demo owes its supervisor: to say when it is ready, to stop when asked, and to end when the
 * supervisor is gone. Works without a supervisor too: then there is nobody to tell, and signals are all there is.
 */

/** A message between supervisor and child; `type` names it, the rest is its data (plain JSON). */
export interface Message {
  type: string;
  [field: string]: unknown;
}

/** How long a stop may take before the process ends anyway, ms. */
const stopWithinMs = 5_000;

export interface Parent {
  /** Says that the process serves now; the supervisor waits for it. `info` is handed to it (urls, ids). */
  ready(info?: Record<string, unknown>): void;
  tell(message: Message): void;
  /** Hears the supervisor's messages, in order. */
  onMessage(hear: (message: Message) => void): void;
}

/**
 * Runs `stop` once, on SIGTERM, on SIGINT or when the supervisor's end of the IPC channel closes, then ends the
 * process: code 0, or 1 when `stop` throws or takes more than 5 s. A second signal ends it at once.
 */
export function underParent(stop: () => void | Promise<void> = () => {}): Parent {
  let stopping = false;
  const end = (why: string): void => {
    if (stopping) {
      if (why !== 'disconnect') process.exit(1);
      return;
    }
    stopping = true;
    setTimeout(() => process.exit(1), stopWithinMs).unref();
    Promise.resolve().then(stop).then(
      () => process.exit(0),
      error => {
        process.stderr.write(`stopping failed: ${(error as Error)?.stack ?? error}\n`);
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(signal));
  if (process.channel) process.on('disconnect', () => end('disconnect'));

  // A message to a supervisor that has just died is not an error: `disconnect` is on its way.
  const tell = (message: Message): void => {
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  };
  return {
    tell,
    ready: (info = {}) => tell({ ...info, type: 'ready' }),
    onMessage: hear => { process.on('message', message => hear(message as Message)); },
  };
}
