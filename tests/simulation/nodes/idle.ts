import type { Mirror } from "../mirror.ts";

/** What has so much time is not looked for again and again. */
const FAR_MS = 10_000;

/** Whether nodes would only find that nothing is left to do, or that all of it has time. */
export function isQuiet(mirror: Mirror, now: number): boolean {
  const isFar = ({ dueAt }: { readonly dueAt: number | null }) =>
    dueAt === null || dueAt > now + FAR_MS;
  if (mirror.all("bulkActions").some(({ state }) => state !== "finished")) return false;
  if (!mirror.all("schedules").every(isFar) || !mirror.all("flowControls").every(isFar)) {
    return false;
  }
  const open = mirror.all("waits").filter(({ state }) => state === "open");
  if (!open.every(isFar)) return false;
  return mirror.all("messages").every((message) => {
    const { state, gate } = message;
    if (state === "waiting") return gate?.startsWith("origin:") === false;
    return state === "failed" || (state === "scheduled" && isFar(message));
  });
}
