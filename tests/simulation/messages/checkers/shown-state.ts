import type { Checker, Scene } from "../facts.ts";
import { isAccepted, isAmbiguous, type Operation } from "../operations.ts";

/** What people read about queues and keys is what they have set, and how many messages there are. */
export const shownState: Checker = {
  name: "queues and keys show the truth",
  promise:
    "a queue shows its places, its pause and the number of its unfinished messages; a key shows its pause and how many wait and run",
  observe: (scene) => {
    const settings = new Settings();
    const seqWhenAsked = new Map<Operation, number>();
    return (fact) => {
      if (fact.kind === "asked") seqWhenAsked.set(fact.operation, scene.mirror.seq);
      else if (fact.kind === "answered" && isAccepted(fact.operation)) {
        const { operation } = fact;
        settings.note(operation);
        check(operation, settings, scene);
        // A number is compared only when nothing can have changed it while it was read.
        if (seqWhenAsked.get(operation) === scene.mirror.seq) checkCounts(operation, scene);
      } else if (fact.kind === "over" && isAmbiguous(fact.operation))
        settings.doubt(fact.operation);
    };
  },
};

interface Setting {
  /** Null when nobody knows. */
  isPaused: boolean | null;
  places: number | null;
}

/** What was set last. Acts about one queue or key follow each other. */
class Settings {
  readonly #all = new Map<string, Setting>();

  of(name: string): Setting {
    const known = this.#all.get(name) ?? { isPaused: false, places: 1 };
    this.#all.set(name, known);
    return known;
  }

  note({ act }: Operation): void {
    switch (act.type) {
      case "upsertQueue":
        Object.assign(this.of(act.queue), { isPaused: act.isPaused, places: act.parallelism });
        return;
      case "deleteQueue":
        Object.assign(this.of(act.queue), { isPaused: false, places: 1 });
        return;
      case "pauseQueue":
      case "resumeQueue":
        this.of(act.queue).isPaused = act.type === "pauseQueue";
        return;
      case "pauseFlow":
      case "resumeFlow":
        this.of(act.flow).isPaused = act.type === "pauseFlow";
    }
  }

  doubt({ act }: Operation): void {
    const isQueueRemade = act.type === "upsertQueue" || act.type === "deleteQueue";
    if (isQueueRemade) Object.assign(this.of(act.queue), { isPaused: null, places: null });
    if (act.type === "pauseQueue" || act.type === "resumeQueue") this.of(act.queue).isPaused = null;
    if (act.type === "pauseFlow" || act.type === "resumeFlow") this.of(act.flow).isPaused = null;
  }
}

interface ShownQueue {
  readonly parallelism: number;
  readonly paused: boolean;
  readonly lag: number;
}

interface ShownFlow {
  readonly isPaused: boolean;
  readonly waitListSize: number;
  readonly parallelismCount: number;
}

function check({ act, answer }: Operation, settings: Settings, { violate, mark }: Scene): void {
  if (act.type === "readQueue") {
    // What lacks a field differs from what is known.
    const { parallelism, paused } = answer as ShownQueue;
    const { places, isPaused } = settings.of(act.queue);
    mark("queue read");
    if (isPaused !== null && paused !== isPaused) violate(`${act.queue} shows the pause ${paused}`);
    if (places !== null && parallelism !== places) {
      violate(`${act.queue} shows ${parallelism} places, not ${places}`);
    }
  } else if (act.type === "readFlow") {
    // As above.
    const shown = answer as ShownFlow;
    const { isPaused } = settings.of(act.flow);
    mark("key read");
    if (isPaused !== null && shown.isPaused !== isPaused) {
      violate(`${act.flow} shows the pause ${shown.isPaused}`);
    }
  }
}

function checkCounts({ act, answer }: Operation, { mirror, violate, mark }: Scene): void {
  const messages = mirror.all("messages").filter(({ kind }) => kind === "plain");
  if (act.type === "readQueue") {
    // As above.
    const { lag } = answer as ShownQueue;
    const count = messages.filter(
      ({ queueName, state }) => queueName === act.queue && state !== "canceling",
    ).length;
    if (count > 0) mark("lag read");
    if (lag !== count)
      violate(`${act.queue} shows a lag of ${lag}; ${count} messages are unfinished`);
  } else if (act.type === "readFlow") {
    // As above.
    const { waitListSize, parallelismCount } = answer as ShownFlow;
    const mine = mirror.all("messages").filter(({ flowControlKey }) => flowControlKey === act.flow);
    const waiting = mine.filter(({ gate }) => gate === `flow:${act.flow}`).length;
    const running = mine.filter(({ state }) => state === "active" || state === "canceling").length;
    if (waitListSize !== waiting)
      violate(`${act.flow} shows ${waitListSize} waiting, not ${waiting}`);
    if (parallelismCount !== running) {
      violate(`${act.flow} shows ${parallelismCount} running, not ${running}`);
    }
  }
}
