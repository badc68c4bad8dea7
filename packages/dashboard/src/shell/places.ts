import {
  Activity,
  CalendarClock,
  CircleAlert,
  FileClock,
  Gauge,
  Hourglass,
  KeyRound,
  Layers,
  ListChecks,
  type LucideIcon,
  Network,
  Play,
  ScrollText,
  Send,
  Settings,
  ShieldCheck,
} from "lucide-react";

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
    places: [
      { to: "/", title: "Overview", icon: Gauge, key: "o" },
      { to: "/runs", title: "Runs", icon: Activity, key: "r" },
      { to: "/failures", title: "Failures", icon: CircleAlert, key: "f" },
      { to: "/messages", title: "Messages", icon: Send, key: "m" },
      { to: "/logs", title: "Logs", icon: ScrollText, key: "l" },
    ],
  },
  {
    title: "Control",
    places: [
      { to: "/queues", title: "Queues", icon: Layers, key: "q" },
      { to: "/schedules", title: "Schedules", icon: CalendarClock, key: "s" },
      { to: "/url-groups", title: "URL groups", icon: Network, key: "u" },
      { to: "/flow-control", title: "Flow control", icon: ShieldCheck, key: "c" },
      { to: "/waiters", title: "Waiters and events", icon: Hourglass, key: "w" },
      { to: "/bulk-actions", title: "Bulk actions", icon: ListChecks, key: "b" },
      { to: "/playground", title: "Playground", icon: Play, key: "p" },
    ],
  },
  {
    title: "Server",
    places: [
      { to: "/keys", title: "Keys and tokens", icon: KeyRound, key: "k" },
      { to: "/settings", title: "Settings", icon: Settings, key: "t" },
      { to: "/audit", title: "Audit log", icon: FileClock, key: "a" },
    ],
  },
];

export const ALL_PLACES: readonly Place[] = PLACES.flatMap(({ places }) => places);
