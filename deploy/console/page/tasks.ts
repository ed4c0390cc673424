/** Failures that a person may have to act on, with what can be pressed. */
import type { VNode } from 'preact';
import type { TaskRow } from '../protocol.ts';
import { age, count, time } from './format.ts';
import { html } from './html.ts';
import { useLive, useNow } from './live.ts';
import { Press } from './press.ts';

/** Beyond it they are of one kind: `plumb dead` works on many at once. */
const most = 100;

export function Tasks(): VNode {
  const { tasks, overview } = useLive();
  const now = useNow();
  const oldestFirst = [...tasks].sort((a, b) => a.since - b.since);
  return html`
    <section class="card" id="tasks" aria-labelledby="tasks-title">
      <h2 id="tasks-title">Tasks <small>${count(tasks.length)}</small></h2>
      ${tasks.length === 0 ? html`<p class="empty">${overview ? html`<span class="good"><span aria-hidden="true">✔ </span>Nothing waits for a person.</span>` : ''}</p>`
        : html`<ul class="tasks">${oldestFirst.slice(0, most).map(task => html`<${Task} key=${task.task} task=${task} now=${now} />`)}</ul>`}
      ${tasks.length > most && html`<p class="note">${count(tasks.length - most)} more: <code>plumb dead list</code></p>`}
    </section>`;
}

function Task({ task: { task, class: kind, origin, about, message, heals, count: times, since, lastAt, sku, can, move }, now }: { task: TaskRow; now: number }): VNode {
  return html`
    <li class="task">
      <p class="what"><span class="tag refused">${kind}</span> <b>${sku ? html`<a href=${`#/sku/${encodeURIComponent(sku)}`}>${about}</a>` : about}</b> from ${origin}
        <span class="faint" title=${`first ${time(since)}, last ${time(lastAt)}`}>${age(now - since)}${times > 1 ? `, ${count(times)} times` : ''} · ${task}</span></p>
      <p>${message}</p>
      ${heals && html`<p class="heals">${heals}</p>`}
      <div class="buttons">
        ${can.includes('retry') && html`<${Press} asks=${{ title: `Try ${task} again?`, text: `${about || kind} from ${origin}: what failed is done once more. If it fails again, that is a task again.`, button: 'Try again', action: { verb: 'retry', task } }}>try again<//>`}
        ${move && html`
          <${Press} asks=${{ title: 'Release the batch?', text: message, button: 'Write it', danger: true, action: { verb: 'release', account: origin, move } }}>release<//>
          <${Press} asks=${{ title: 'Drop the batch?', text: 'None of it is written. The listings keep their numbers until the source states another.', button: 'Drop it', action: { verb: 'drop', account: origin, move } }}>drop<//>`}
        <${Press} asks=${{ title: `Dismiss ${task}?`, text: 'It is closed without anything being done.', button: 'Dismiss', reason: true, action: { verb: 'dismiss', task } }}>dismiss<//>
      </div>
    </li>`;
}
