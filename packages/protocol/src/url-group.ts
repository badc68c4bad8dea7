/** The shape of a URL group in answers. */

import type { HeaderMap } from "./headers.ts";

export interface UrlGroupResource {
  readonly name: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds. */
  readonly updatedAt: number;
  readonly endpoints: readonly UrlGroupEndpoint[];
  /** Default headers of messages to the group. */
  readonly headers?: HeaderMap;
}

export interface UrlGroupEndpoint {
  readonly name?: string;
  readonly url: string;
}
