/** What accounts, sources and nodes have written down of themselves, followed: the buckets `channel` and `member`. */
import type { NatsConnection } from 'nats';
import type { AccountRecord } from '../../actors/channel/protocol.ts';
import type { Finding } from '../../actors/reconciler/protocol.ts';
import { Reader } from '../../runtime/reader.ts';
import { allowedMs } from '../../runtime/rhythm.ts';
import type { Rhythm } from '../../runtime/rhythm.ts';
import type { StreamMessage } from '../../runtime/stream-message.ts';
import { streams, unescapeKey } from '../../runtime/subjects.ts';

export interface OpenFinding extends Finding {
  state: 'open' | 'repairing' | 'task';
}

export interface SourceRhythm { source: string; lastAt: number; allowedMs: number | undefined; silentSince: number | undefined }

interface Member { node: string; pid: number }
/** As runtime/findings.ts stores them. */
interface FindingsRecord { findings: Record<string, { value: unknown; context: Finding }> }
type RhythmRecord = Rhythm & { silent?: { since: number } };

const sourcePrefix = 'source.';

export class Buckets {
  /** Records of accounts, by account. */
  readonly accounts = new Map<string, AccountRecord>();
  readonly sources = new Map<string, SourceRhythm>();
  readonly members = new Map<string, Member>();
  /** Open ones by account, or `source.<source>`. */
  readonly alarms = new Map<string, Record<string, { since: number; severity: string }>>();
  readonly #findings = new Map<string, Map<string, OpenFinding>>();
  readonly #readers: Reader[];
  /** Changes whenever findings do. */
  version = 0;

  constructor(nc: NatsConnection, onError: (error: Error) => void) {
    const follow = (stream: string, filter: string, onMessage: (message: StreamMessage) => void): Reader =>
      new Reader(nc, { stream, filter, from: 'last-per-subject', name: 'console', onMessage, onError });
    this.#readers = [
      follow(streams.channelRecords, '$KV.channel.>', message => this.#note(message)),
      follow(streams.members, '$KV.member.>', message => {
        const node = unescapeKey(message.subject.slice('$KV.member.'.length));
        if (message.data.length === 0) this.members.delete(node);
        else this.members.set(node, message.json());
      }),
    ];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#readers.map(reader => reader.stop()));
  }

  /** Open, by SKU. */
  findingsOf(account: string): ReadonlyMap<string, OpenFinding> {
    return this.#findings.get(account) ?? none;
  }

  #note(message: StreamMessage): void {
    const [unit, field] = message.subject.slice('$KV.channel.'.length).split('.') as [string, string];
    const name = unescapeKey(unit);
    if (message.data.length === 0) {
      if (field === 'state') this.accounts.delete(name);
      return;
    }
    switch (field) {
      case 'state': {
        // Sources, doors and the audit keep a state of their own.
        const state = message.json<AccountRecord>();
        if (state.account === name) this.accounts.set(name, state);
        return;
      }
      case 'findings': {
        const { findings } = message.json<FindingsRecord>();
        this.#findings.set(name, new Map(Object.entries(findings).map(([sku, { value, context }]) => [sku, { ...context, state: value as OpenFinding['state'] }])));
        this.version += 1;
        return;
      }
      case 'alarms':
        this.alarms.set(name, message.json<{ open: Record<string, { since: number; severity: string }> }>().open);
        return;
      case 'rhythm': {
        const rhythm = message.json<RhythmRecord>();
        const source = name.startsWith(sourcePrefix) ? name.slice(sourcePrefix.length) : name;
        this.sources.set(source, { source, lastAt: rhythm.last, allowedMs: allowedMs(rhythm), silentSince: rhythm.silent?.since });
      }
    }
  }
}

const none: ReadonlyMap<string, OpenFinding> = new Map();
