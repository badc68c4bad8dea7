/** Filters of runs and of failed runs. Several values of one are alternatives, different filters must all hold. */

type OneOrMany = string | readonly string[];

export interface SharedFilter {
  /** Epoch milliseconds; included. */
  readonly fromDate?: Date | number | undefined;
  /** Epoch milliseconds; included. */
  readonly toDate?: Date | number | undefined;
  /** Who triggered it. */
  readonly callerIp?: OneOrMany | undefined;
  readonly label?: OneOrMany | undefined;
  readonly flowControlKey?: OneOrMany | undefined;
}

/** Filters of failed runs. */
export interface WorkflowDLQFilter extends SharedFilter {
  readonly workflowUrl?: OneOrMany | undefined;
  readonly workflowRunId?: OneOrMany | undefined;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt?: number | readonly number[] | undefined;
  /** Of the call that reports the failure; `NONE` when the endpoint has no failure function. */
  readonly failureFunctionState?: OneOrMany | undefined;
  /** Of the last attempt; 0 when there was no response. */
  readonly responseStatus?: number | readonly number[] | undefined;
  readonly messageId?: OneOrMany | undefined;
  /** Those that failed alike. */
  readonly groupId?: OneOrMany | undefined;
}

/** The same, with an older name. */
export interface WorkflowDLQListFilters extends WorkflowDLQFilter {
  /** Use `workflowUrl`. */
  readonly url?: string | undefined;
}

interface HostPathFilter {
  /** Of the workflow's URL, with or without its port. */
  readonly host?: OneOrMany | undefined;
  /** Of the workflow's URL. */
  readonly path?: OneOrMany | undefined;
}

/** Filters of runs to cancel. `workflowUrl` and `workflowUrlStartingWith` exclude each other. */
export interface WorkflowCancelFilter extends SharedFilter, HostPathFilter {
  readonly workflowUrl?: OneOrMany | undefined;
  readonly workflowUrlStartingWith?: OneOrMany | undefined;
}

/** Filters of runs to look at. */
export interface WorkflowLogsListFilters extends SharedFilter, HostPathFilter {
  readonly workflowUrl?: OneOrMany | undefined;
  readonly workflowRunId?: OneOrMany | undefined;
  /** Epoch milliseconds. */
  readonly workflowCreatedAt?: number | readonly number[] | undefined;
  readonly state?: OneOrMany | undefined;
  readonly messageId?: OneOrMany | undefined;
  /** Runs that nothing open can wake any more. */
  readonly stuck?: boolean | undefined;
}

/** Entries by their ids, by a filter, or all of them. */
export type WorkflowDLQActionFilters =
  | { readonly dlqIds: OneOrMany; readonly filter?: never; readonly all?: never }
  | ({ readonly filter: WorkflowDLQFilter; readonly dlqIds?: never; readonly all?: never } & Paging)
  | ({ readonly all: true; readonly dlqIds?: never; readonly filter?: never } & Paging);

interface Paging {
  /** Entries that one request handles; 100 when not given. */
  readonly count?: number | undefined;
  /** Where the last request ended. */
  readonly cursor?: string | undefined;
}

/** Runs by their ids, by a filter, or all of them. */
export type WorkflowRunCancelFilters =
  | { readonly workflowRunIds: readonly string[]; readonly filter?: never; readonly all?: never }
  | {
      readonly filter: WorkflowCancelFilter;
      readonly workflowRunIds?: never;
      readonly all?: never;
      /** Runs that one request cancels; 100 when not given. */
      readonly count?: number | undefined;
    }
  | {
      readonly all: true;
      readonly workflowRunIds?: never;
      readonly filter?: never;
      /** Runs that one request cancels; 100 when not given. */
      readonly count?: number | undefined;
    };
