/** One end for a supervisor, however it comes: everything that was started is ended, newest first, exactly once. */
import { startGuardian } from '../guardian.ts';
import type { Guardian } from '../guardian.ts';

export class Lifetime {
  /** Ends what is left when this process is killed. */
  readonly guardian: Guardian;
  readonly #cleanUps: (() => unknown)[] = [];
  #ending: Promise<void> | undefined;

  /** @param folders temporary ones, removed at the end */
  constructor(folders: readonly string[] = []) {
    this.guardian = startGuardian(folders);
    this.defer(() => this.guardian.dismiss());
  }

  /** True from the first sign of the end: what dies now is meant to. */
  get isEnding(): boolean {
    return this.#ending !== undefined;
  }

  /** Registers how to undo what was just done; a clean-up may fail, the others run all the same. */
  defer(cleanUp: () => unknown): void {
    this.#cleanUps.push(cleanUp);
  }

  /** Runs all clean-ups, newest first. A repeat waits for the same end. */
  end(): Promise<void> {
    return this.#ending ??= this.#run();
  }

  async #run(): Promise<void> {
    for (let cleanUp = this.#cleanUps.pop(); cleanUp; cleanUp = this.#cleanUps.pop()) {
      try {
        await cleanUp();
      } catch (error) {
        process.stderr.write(`cleaning up: ${(error as Error)?.message ?? error}\n`);
      }
    }
  }

  /**
   * Ends this process in good order on Ctrl-C, SIGTERM and SIGHUP (130, 143, 129) and on an error that nobody
   * caught (1). A second Ctrl-C exits at once and leaves the rest to the guardian.
   */
  rule(): void {
    for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const) {
      process.on(signal, () => {
        if (this.isEnding) process.exit(code);
        process.stderr.write(`\n${signal}: ending everything that was started\n`);
        void this.end().then(() => process.exit(code));
      });
    }
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (error: unknown) => {
        // What we tear down ourselves may complain on its way out.
        if (this.isEnding) return;
        void this.end().then(() => {
          process.stderr.write(`${(error as Error)?.stack ?? error}\n`);
          process.exit(1);
        });
      });
    }
    // A reader that went away (`| head`) is an end like any other.
    process.stdout.on('error', () => { void this.end().then(() => process.exit(1)); });
  }
}
