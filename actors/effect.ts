/** What an actor may ask for. Data: the runtime stores it with the record, then performs it. */

export type Effect =
  /** A message; `to` names its subject, token by token. `id` is its dedupe id, the same on every repeat; `correlation` the first source event behind it, for journals. */
  | { kind: 'publish'; to: string[]; id: string; body: unknown; correlation?: string }
  /** `event` comes back to the actor through its journal, `delayMs` after the message that asked for it. */
  | { kind: 'schedule'; id: string; delayMs: number; event: { type: string } }
  | { kind: 'cancel'; id: string };
