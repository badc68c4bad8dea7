import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** Starts a file of this folder as a process of its own, from the sources like the tests themselves. */
export function startChild(file: string): ChildProcess {
  return fork(new URL(file, import.meta.url), {
    execArgv: ["--conditions=source", "--disable-warning=ExperimentalWarning"],
  });
}

/** Sends the child what to do and gives its first message. @throws when it ends before. */
export async function order<T>(child: ChildProcess, what: object): Promise<T> {
  const answer = once(child, "message");
  const end = once(child, "exit").then(() => Promise.reject(new Error("the child has ended")));
  child.send(what);
  const [message] = await Promise.race([answer, end]);
  // What a child says first is part of its file's contract.
  return message as T;
}

/** Ends the child if it still runs; nothing of it is left when this resolves. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}
