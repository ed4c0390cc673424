/** Buttons that change something: who presses and the token are asked for once, and what came of it is told. */
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Action, ActionAnswer } from '../protocol.ts';
import { html } from './html.ts';
import { useLive } from './live.ts';

type Pressed = Action extends infer A ? A extends Action ? Omit<A, 'by'> : never : never;

/** Something to be asked before it is done. */
interface Question { title: string; text: string; button: string; reason?: boolean; danger?: boolean; action: Pressed }

let question: Question | undefined;
let said: ActionAnswer | undefined;
const hearers = new Set<() => void>();
const tell = (): void => { for (const hear of hearers) hear(); };

// Of this tab alone, and never told to anybody but this server.
const token = (): string => sessionStorage.getItem('token') ?? '';
const by = (): string => localStorage.getItem('by') ?? '';

/** Asks where it must, then does it. */
export function press(asked: Question): void {
  question = asked;
  tell();
}

async function send(action: Pressed, reason: string): Promise<void> {
  const body = { ...action, ...(action.verb === 'dismiss' && { reason }), by: by() };
  try {
    const response = await fetch('/api/actions', { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${token()}` }, body: JSON.stringify(body) });
    const answer = await response.json() as ActionAnswer & { error?: string };
    if (response.status === 401) sessionStorage.removeItem('token');
    said = response.ok ? answer : { ok: false, said: answer.error ?? `the console answered ${response.status}` };
  } catch (error) {
    said = { ok: false, said: `the console cannot be reached: ${(error as Error).message}` };
  }
  tell();
}

/** A button; it is not there where the console only shows. */
export function Press({ asks, children }: { asks: Question; children: unknown }): VNode | null {
  const { overview } = useLive();
  if (!overview?.actions) return null;
  return html`<button class=${`press ${asks.danger ? 'danger' : ''}`} onClick=${(event: Event) => { event.stopPropagation(); press(asks); }}>${children}</button>`;
}

/** Where questions are asked and answers told. */
export function Asked(): VNode {
  const [, draw] = useState(0);
  useEffect(() => {
    const hear = (): void => draw(n => n + 1);
    hearers.add(hear);
    return () => { hearers.delete(hear); };
  }, []);
  useEffect(() => {
    if (!said?.ok) return;
    const timer = setTimeout(() => { said = undefined; tell(); }, 8_000);
    return () => clearTimeout(timer);
  }, [said]);
  return html`
    <div class="said" role="status">${said && html`<p class=${said.ok ? 'good' : 'bad'}>${said.said} <button aria-label="Close" onClick=${() => { said = undefined; tell(); }}>×</button></p>`}</div>
    ${question && html`<${Ask} key=${JSON.stringify(question.action)} ...${question} />`}`;
}

function Ask({ title, text, button, reason, danger, action }: Question): VNode {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => { box.current!.showModal(); }, []);
  const close = (): void => { question = undefined; tell(); };
  const submit = (event: Event): void => {
    event.preventDefault();
    const given = new FormData(event.target as HTMLFormElement);
    const text = (name: string): string => String(given.get(name) ?? '').trim();
    if (text('token') !== '') sessionStorage.setItem('token', text('token'));
    localStorage.setItem('by', text('by'));
    close();
    void send(action, text('reason'));
  };
  return html`
    <dialog ref=${box} onClose=${close} aria-labelledby="asked">
      <form onSubmit=${submit}>
        <h2 id="asked">${title}</h2>
        <p>${text}</p>
        ${reason && html`<label>Why <input name="reason" required maxlength="500" autocomplete="off" placeholder="for whoever reads the journal later" /></label>`}
        <label>Who <input name="by" required maxlength="80" value=${by()} autocomplete="name" placeholder="your name, for the journal" /></label>
        ${token() === '' && html`<label>Token <input name="token" type="password" required autocomplete="off" placeholder="the console printed it when it was started" /></label>`}
        <div class="buttons"><button type="button" onClick=${() => box.current!.close()}>Cancel</button><button class=${danger ? 'danger' : 'main'} type="submit">${button}</button></div>
      </form>
    </dialog>`;
}
