/**
 * What a channel can do and what its documents leave open, as data beside each adapter. `plumb channel list`,
 * docs/channels.md and the README's table show it, a test holds it against the adapter itself, and
 * `plumb channel probe` asks the open questions on a test listing.
 */

/**
 * How a write treats a sale that lands between our reading and it (no-oversell.md, section 6).
 *
 * - `swap`: refused unless the quantity is still the one that we read
 * - `version`: refused unless the stock's version is still the one that we read
 * - `set`: the last writer wins; a sale in between is overwritten
 * - `gross`: sets a number that includes open orders, so a sale in between is still taken off
 */
export type WriteKind = 'swap' | 'version' | 'set' | 'gross';

export interface ChannelProfile {
  channel: string;
  /** As its people write it. */
  title: string;
  write: {
    /** The strongest first; several where one account mixes kinds of listings. */
    kinds: readonly WriteKind[];
    /** Entries of one call, at most. */
    batch: number;
    /** How the rest of the listing is left alone. */
    spares: string;
  };
  verification: {
    /** When an answer alone proves the live quantity; false: never. */
    answerProves: string | false;
    /** Else it is read back from then on, vendor's ms by default settings ... */
    afterMs: number;
    /** ... and shows by then, or the write has failed. Past it, a difference is drift. */
    withinMs: number;
  };
  /** Listings of one read call, at most. */
  readBatch: number;
  listing: ListingShape;
  /** What the channel counts of its own sales; left out: nothing. */
  countsSold?: string;
  /** Whether the list of listings tells that an offer cannot be bought. */
  tellsInactive: boolean;
  orders: string;
  rates: string;
  token: {
    lifeMs: number;
    /**
     * The refresh token changes with each use, so the store must outlive the process. Settings under which this is
     * so; an empty object: always. Left out: it never does.
     */
    rotatesWhen?: Readonly<Record<string, unknown>>;
  };
  notifications: string;
  /** How the channel tells of changes by itself; left out: it does not. */
  notifiesBy?: 'webhook' | 'queue';
  /** Feeds and bulk operations that the vendor has, and how Plumb uses them. */
  bulk: string;
  /** The feed of many raises that an account may switch on. */
  feed?: string;
  questions: readonly Question[];
}

/** What a table of listings must tell of each, beside its SKU. */
export interface ListingShape {
  /** The fields that address a listing. One that is not `needed` is learnt by the first read, or is not there for some listings. */
  fields: Readonly<Record<string, { is: string; needed?: true }>>;
  /** Other fields are taken as they are. */
  open?: true;
  /** The id that follows from SKU and fields; left out: the table must tell it. */
  idOf?(sku: string, fields: Readonly<Record<string, string>>): string;
}

/**
 * How a question is asked of a test listing, by the port alone.
 *
 * - `lag`: lower by one, raise again, and see when a read shows it
 * - `unchanged`: write the quantity that is there already
 * - `condition`: write on an outdated reading
 * - `zero`: write 0 and raise again
 * - `repeat`: the same write once more under the same signature
 * - `batch`: several listings in one call
 * - `one-bad`: two listings in one call, one of them on an outdated reading
 * - `person`: no program can ask it; `instructions` tell a person how
 */
export type Experiment = 'lag' | 'unchanged' | 'condition' | 'zero' | 'repeat' | 'batch' | 'one-bad' | 'person';

/** Figures that an experiment may give. `afterMs` and `withinMs` are vendor's ms. */
export type Figure = 'afterMs' | 'withinMs' | 'batch';

export interface Question {
  /** Unique within the channel. */
  id: string;
  asks: string;
  /** The document that leaves it open. */
  source: string;
  experiment: Experiment;
  /** The account's settings that an answer sets, each with the figure it takes. */
  settings?: Readonly<Record<string, Figure>>;
  instructions?: string;
}
