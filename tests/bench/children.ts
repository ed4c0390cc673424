/** The bench's child processes: where their modules are, and what they are asked. */
import { join } from 'node:path';
import type { Message } from '../../deploy/demo/child.ts';
import type { ProcessGroup } from '../../deploy/demo/processes.ts';

export function modulePath(file: string): string {
  return join(import.meta.dirname, file);
}

/** The longest thing that is asked for takes a tenth of it. */
const answerWithinMs = 300_000;

/** Questions to child processes, answered in the order asked. */
export class Questions {
  readonly #processes: ProcessGroup;
  readonly #open = new Map<string, ((answer: Message) => void)[]>();
  readonly #known = new Set<string>();

  constructor(processes: ProcessGroup) {
    this.#processes = processes;
  }

  /** @throws {Error} when no answer comes */
  ask<T extends object>(name: string, message: Message): Promise<T> {
    if (!this.#known.has(name)) {
      this.#known.add(name);
      this.#processes.onMessage(name, answer => this.#open.get(`${name} ${answer.type}`)?.shift()?.(answer));
    }
    const key = `${name} ${message.type}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${name} does not answer ${JSON.stringify(message)}`)), answerWithinMs);
      const answered = (answer: Message): void => { clearTimeout(timer); resolve(answer as never); };
      this.#open.set(key, [...this.#open.get(key) ?? [], answered]);
      this.#processes.tell(name, message);
    });
  }
}
