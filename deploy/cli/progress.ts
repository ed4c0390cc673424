/** How far a long command has come: a bar on a terminal, a line now and then elsewhere. */
import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  /** `total` may change as more is known. */
  update(done: number, total: number): void;
  stop(): void;
}

const lineEveryMs = 5_000;

/** @param what shown before the figures, e.g. `SKUs` */
export function progress(what: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  return stream.isTTY ? bar(what, stream) : lines(what, stream);
}

function bar(what: string, stream: NodeJS.WriteStream): Progress {
  const shown = new SingleBar({ stream, format: `{bar} {percentage} %  {value}/{total} ${what}  {duration_formatted}, {eta_formatted} left`, hideCursor: true }, Presets.shades_classic);
  let started = false;
  return {
    update(done, total) {
      if (!started) shown.start(total, done);
      started = true;
      shown.setTotal(total);
      shown.update(done);
    },
    stop: () => shown.stop(),
  };
}

function lines(what: string, stream: NodeJS.WriteStream): Progress {
  let next = performance.now() + lineEveryMs;
  return {
    update(done, total) {
      if (performance.now() < next) return;
      next = performance.now() + lineEveryMs;
      stream.write(`${done} of ${total} ${what}\n`);
    },
    stop() {},
  };
}
