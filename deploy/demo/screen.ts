/** Where people see the demo: live on a terminal, as lines elsewhere, on stderr when stdout is for JSON. */
import { stripVTControlCharacters } from 'node:util';
import { createLogUpdate } from 'log-update';
import { clock, dim, paint, wrapped } from './format.ts';
import type { Mood } from './format.ts';
import { progressLine, render } from './picture.ts';
import type { Progress } from './picture.ts';
import type { Status } from './status.ts';

/** Shown to people while the demo runs. */
export interface Screen {
  /** Something happened that is worth a line of its own; it stays. */
  announce(text: string, mood?: Mood): void;
  /** The state of things, now; replaces the one before. */
  update(status: Status, progress: Progress): void;
  /** A line as it is. */
  print(text: string): void;
  /** Takes the live part away. Nothing is shown after it but announcements. */
  close(): void;
}

/** @param json stdout is for one JSON object: people read stderr */
export function openScreen({ json }: { json: boolean }): Screen {
  const stream = json ? process.stderr : process.stdout;
  return stream.isTTY ? new LiveScreen(stream) : new LineScreen(text => stream.write(`${text}\n`));
}

const marks: Record<Mood, string> = { plain: ' ', fault: '!', good: '+', bad: 'x' };

class LiveScreen implements Screen {
  readonly #stream: NodeJS.WriteStream;
  readonly #log: ReturnType<typeof createLogUpdate>;
  #last: [Status, Progress] | undefined;
  readonly #startedAt = Date.now();

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#log = createLogUpdate(stream);
  }

  announce(text: string, mood: Mood = 'plain'): void {
    this.print(announcement(text, mood, Date.now() - this.#startedAt, this.#stream.columns || 100));
  }

  print(text: string): void {
    this.#log.clear();
    this.#stream.write(`${text}\n`);
    if (this.#last) this.update(...this.#last);
  }

  update(status: Status, progress: Progress): void {
    this.#last = [status, progress];
    this.#log(render(status, progress, { columns: this.#stream.columns || 100, rows: this.#stream.rows || 40 }));
  }

  close(): void {
    // The last table stays in the scroll-back: it is what the verdict is about.
    if (this.#last) this.#log.done();
    this.#last = undefined;
  }
}

/** A line every few seconds, when something moved. */
export class LineScreen implements Screen {
  readonly #write: (text: string) => void;
  readonly #everyMs: number;
  readonly #startedAt = Date.now();
  #lastAt = 0;

  constructor(write: (text: string) => void, everyMs = 4_000) {
    this.#write = write;
    this.#everyMs = everyMs;
  }

  announce(text: string, mood: Mood = 'plain'): void {
    this.print(announcement(text, mood, Date.now() - this.#startedAt));
  }

  print(text: string): void {
    this.#write(stripVTControlCharacters(text));
  }

  update(status: Status, progress: Progress): void {
    if (status.at - this.#lastAt < this.#everyMs) return;
    this.#lastAt = status.at;
    this.#write(`${clock(progress.elapsedMs)}    ${progressLine(status, progress)}`);
  }

  close(): void {}
}

/** The time, a mark for the mood, and the text, wrapped under itself. */
function announcement(text: string, mood: Mood, elapsedMs: number, columns = Infinity): string {
  const [first, ...rest] = wrapped(text, columns - 10);
  return [`${dim(clock(elapsedMs))}  ${paint[mood](`${marks[mood]} ${first}`)}`, ...rest.map(line => `${' '.repeat(10)}${paint[mood](line)}`)].join('\n');
}
