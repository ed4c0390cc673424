/** Something about the database that a person has to mend. */
export class DoorProblem extends Error {
  override readonly name = 'DoorProblem';
  /** One word, stable: what kind of problem. */
  readonly kind: string;
  /** What to do. */
  readonly heals: string;
  /** What to run in the database, where that is what to do. */
  readonly sql: string | undefined;

  constructor(kind: string, message: string, heals: string, sql?: string) {
    super(message);
    this.kind = kind;
    this.heals = heals;
    this.sql = sql;
  }
}
