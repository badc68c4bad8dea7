/** Real shells, and a `curl` in front of them that tells what it was given. */

interface Run {
  readonly encoding: "utf8";
}

/** The page's own types know nothing of Node, so this name is told apart from the import. */
const CHILD_PROCESS: string = "node:child_process";
// As far as it is used here.
const { execFileSync } = (await import(CHILD_PROCESS)) as {
  readonly execFileSync: (file: string, args: readonly string[], options: Run) => string;
};

const runs = (shell: string): boolean => {
  try {
    return execFileSync(shell, ["-c", "echo yes"], { encoding: "utf8" }) === "yes\n";
  } catch {
    return false;
  }
};

/** Those of this machine; on Debian `sh` is dash, which knows what POSIX says and nothing more. */
export const SHELLS: readonly string[] = ["sh", "bash", "zsh", "ksh"].filter(runs);

const PRINT = `print() { for word in "$@"; do printf '%s\\0' "$word"; done; }`;

/** The words that a shell makes of a command line. */
export function wordsOf(line: string, shell = "sh"): readonly string[] {
  const script = `${PRINT}; print ${line}`;
  return execFileSync(shell, ["-c", script], { encoding: "utf8" }).split("\0").slice(0, -1);
}

const CURL = `curl() { for word in "$@"; do printf '%s\\0' "$word"; done; printf '\\0'; case "$*" in *@-*) cat;; esac; }`;

/** What curl is given by a command: its arguments, and what comes by its standard input. */
export function asked(
  command: string,
  shell: string,
): { readonly args: readonly string[]; readonly input: string } {
  const told = execFileSync(shell, ["-c", `${CURL}\n${command}\n`], { encoding: "utf8" });
  const end = told.indexOf("\0\0");
  return { args: told.slice(0, end).split("\0"), input: told.slice(end + 2) };
}
