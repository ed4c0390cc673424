/** Dead letters that are open, as people see and press them. Pure. */
import { originOf } from '../../runtime/dead/letters.ts';
import type { Task } from '../../runtime/dead/letters.ts';
import type { TaskRow } from './protocol.ts';

/** Classes that `plumb dead retry` can do something about. */
const retried: ReadonlySet<string> = new Set([
  'malformed', 'unmapped', 'poison', 'oversize', 'version', 'gap', 'late', 'listing', 'validation', 'conflict', 'ambiguous expired', 'throttled out',
]);

export function taskRow(task: Task): TaskRow {
  const { body, count, firstAt, lastAt } = task;
  const { class: kind, message = '', heals = '', sku, field, problem } = body;
  const isHeld = kind === 'governor';
  const about = isHeld ? (sku === 'zero' ? 'a batch of zeros' : 'a batch of raises') : String(sku ?? field ?? problem ?? '');
  return {
    task: task.task, class: kind, origin: originOf(task), about,
    message, heals: isHeld ? 'release it if it is right; drop it and correct the count if not' : heals,
    count, since: firstAt, lastAt,
    ...(sku !== undefined && !isHeld && { sku }),
    ...(isHeld && { move: sku as 'zero' | 'raise' }),
    can: isHeld ? ['release', 'drop'] : retried.has(kind) ? ['retry'] : [],
  };
}
