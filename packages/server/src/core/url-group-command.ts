export type UrlGroupCommand = SetEndpoints | RemoveEndpoints | DeleteUrlGroup | SetUrlGroupHeaders;

/** Adds endpoints to a URL group, which is made when it is missing, or updates them. */
export interface SetEndpoints {
  readonly type: "setEndpoints";
  readonly name: string;
  readonly endpoints: readonly { readonly name?: string; readonly url: string }[];
  /** Endpoints that the group may have then; that of the protocol when not given. */
  readonly endpointsMax?: number;
}

export interface RemoveEndpoints {
  readonly type: "removeEndpoints";
  readonly name: string;
  readonly endpoints: readonly EndpointMark[];
}

/** An endpoint by its name, its URL, or either. */
export interface EndpointMark {
  readonly name?: string;
  readonly url?: string;
}

export interface DeleteUrlGroup {
  readonly type: "deleteUrlGroup";
  readonly name: string;
}

/** Sets the default headers of messages to a URL group; none takes them away. */
export interface SetUrlGroupHeaders {
  readonly type: "setUrlGroupHeaders";
  readonly name: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What each of them answers. */
export interface UrlGroupAnswers {
  readonly setEndpoints: null;
  readonly removeEndpoints: null;
  readonly deleteUrlGroup: null;
  readonly setUrlGroupHeaders: null;
}
