/** What a SKU actor is given: pure functions and settings. */
import type { Debounce, Sign } from './debounce.ts';
import type { ExposureSettings } from './exposure/record.ts';
import type { AddressOf } from './kit.ts';
import type { SourcePolicy } from './protocol.ts';
import type { Retention } from './retention.ts';

export interface SkuPorts {
  sign: Sign;
  debounce: Debounce;
  /** A source is asked for what is missing after so long, ms, before people are told; never where absent. */
  askMs?: number;
  /** A gap in a source older than this becomes a task. */
  gapMs: number;
  /** A reservation that does not end becomes a task after so long, ms; never where absent. */
  openMaxMs?: number;
  /** By source; one that is not named promises nothing. */
  sources?: Readonly<Record<string, SourcePolicy>>;
  retention?: Retention;
  /** Escrow; where absent every SKU mirrors, unless people set it otherwise. */
  exposure?: ExposureSettings;
  /** Where kits and their parts reach each other; nowhere where absent. */
  addressOf?: AddressOf;
}
