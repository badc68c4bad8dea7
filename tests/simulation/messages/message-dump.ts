import type { Mirror } from "../mirror.ts";

/** The rows that are about messages, for the report of a failure. */
export function dumpMessages(mirror: Mirror): readonly string[] {
  const lines: string[] = [];
  const show = (title: string, rows: readonly object[]) => {
    if (rows.length > 0) lines.push(`${title}:`, ...rows.map((row) => `  ${shown(row)}`));
  };
  show("messages", mirror.all("messages"));
  show("dead messages", mirror.all("deadMessages"));
  show("queues", mirror.all("queues"));
  show("flow controls", mirror.all("flowControls"));
  show("schedules", mirror.all("schedules"));
  show("groups", mirror.all("urlGroups"));
  return lines;
}

/** What is empty tells nothing. */
function shown(row: object): string {
  const columns = Object.entries(row).filter(
    ([, value]) => value !== null && !(value instanceof Uint8Array),
  );
  return JSON.stringify(Object.fromEntries(columns));
}
