import { Gauge, type LucideIcon } from "lucide-react";

export interface Place {
  readonly to: string;
  readonly title: string;
  readonly icon: LucideIcon;
  /** Pressed after `g`. */
  readonly key: string;
}

/** Where a person can go, in groups. */
export const PLACES: readonly { readonly title: string; readonly places: readonly Place[] }[] = [
  {
    title: "Watch",
    places: [{ to: "/", title: "Overview", icon: Gauge, key: "o" }],
  },
];

export const ALL_PLACES: readonly Place[] = PLACES.flatMap(({ places }) => places);
