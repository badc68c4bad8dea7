/** Keys, tokens and marks of this installation. */
export interface SettingRow {
  readonly key: number;
  readonly name: string;
  readonly value: string;
}

/** A server that shares this database with others. Whoever finds its lease over takes over what it was doing. */
export interface NodeRow {
  readonly key: number;
  /** Made anew at every start. */
  readonly id: string;
  readonly startedAt: number;
  readonly leaseUntil: number;
}
