/** The four numbers that say whether this morning is a good one. */
import type { VNode } from 'preact';
import type { Overview } from '../protocol.ts';
import { age, count, date, plural } from './format.ts';
import { html } from './html.ts';
import { useNow } from './live.ts';

/** Minutes after which an unproven pair is no longer just on its way. */
const lateMs = 60_000;

/** In words; the action is told on `drift.<severity>.<account>.<what>`. */
const promises: Record<string, string> = {
  unverified: 'a change waits too long for its proof', orders: 'what it sells was not learnt for too long', token: 'its token has ended and nothing renews it',
  proof: 'proofs get older than is promised', 'proof-budget': 'the read quota cannot keep the promised ages of proof', notifications: 'it has stopped telling of changes', stuck: 'nothing of it moves on',
};

export function Numbers({ overview: { numbers, alarms } }: { overview: Overview }): VNode {
  const now = useNow();
  const { complete, unitsAtRisk, pairsAtRisk, oldestUnproven, oldestTask, openTasks, outOfSync, oversold } = numbers;
  const unproven = oldestUnproven && now - oldestUnproven.since;
  const task = oldestTask && now - oldestTask.since;
  const worst = oversold.skus[0];
  return html`
    <section class="numbers" aria-label="Now">
      <${Card} title="Units at risk" value=${count(unitsAtRisk)} mood=${unitsAtRisk > 0 ? 'bad' : 'good'}
        text=${unitsAtRisk > 0 ? `may be sold at ${plural(pairsAtRisk, 'listing')} and should not be` : 'no listing offers more than it should'} />
      <${Card} title="Oldest unproven pair" value=${unproven === undefined ? 'none' : age(unproven)} mood=${unproven === undefined ? 'good' : unproven > lateMs ? 'bad' : 'calm'}
        text=${oldestUnproven ? html`<a href=${`#/sku/${encodeURIComponent(oldestUnproven.sku)}`}>${oldestUnproven.sku}</a> at ${oldestUnproven.account}; ${plural(outOfSync, 'pair')} in all` : 'every listing was seen to show its number'} />
      <${Card} title="Oldest open task" value=${task === undefined ? 'none' : age(task)} mood=${task === undefined ? 'good' : 'bad'}
        text=${openTasks > 0 ? html`<a href="#tasks">${plural(openTasks, 'task waits', 'tasks wait')} for a person</a>` : 'nothing waits for a person'} />
      <${Card} title=${`Oversold in ${monthOf(now)}`} value=${count(oversold.month)} mood=${oversold.now > 0 ? 'bad' : oversold.month > 0 ? 'calm' : 'good'}
        text=${html`${oversold.now > 0 ? `${plural(oversold.now, 'unit is', 'units are')} missing now` : oversold.month > 0 ? 'all made good since' : 'no unit was sold twice'}${worst ? html`, most of <a href=${`#/sku/${encodeURIComponent(worst.sku)}`}>${worst.sku}</a>` : ''}${oversold.folding ? '; journals are being read' : isWhole(oversold.since) ? '' : `; since ${date(oversold.since)}`}`} />
    </section>
    ${alarms.map(({ unit, what, since, severity }) => html`<p key=${`${unit} ${what}`} class=${`note ${severity === 'high' ? 'bad' : 'warn'}`}><b>${unit}</b>: ${promises[what] ?? what}, for ${age(now - since)}. <code>plumb inspect channel ${unit}</code></p>`)}
    ${!complete && html`<p class="note" role="status">Records are being read: figures grow until all are known.</p>`}`;
}

function Card({ title, value, text, mood }: { title: string; value: string; text: VNode | string; mood: 'good' | 'bad' | 'calm' }): VNode {
  return html`<div class=${`card number ${mood}`}><h2>${title}</h2><p class="value">${value}</p><p class="text">${text}</p></div>`;
}

const month = new Intl.DateTimeFormat('en-GB', { month: 'long', timeZone: 'UTC' });
const monthOf = (at: number): string => month.format(at);

/** From the first instant of its month on. */
function isWhole(since: number): boolean {
  const date = new Date(since);
  return date.getUTCDate() === 1 && since % 86_400_000 === 0;
}
