/** A Dockerfile as a list of instructions, for the rules and for a build without Docker. */

export interface Instruction {
  /** Line on which it begins, from 1. */
  readonly line: number;
  readonly name: string;
  readonly text: string;
}

export interface Stage {
  readonly base: string;
  readonly name: string | null;
  readonly instructions: readonly Instruction[];
}

export function parseDockerfile(text: string): readonly Stage[] {
  const stages: { base: string; name: string | null; instructions: Instruction[] }[] = [];
  for (const instruction of instructionsOf(text)) {
    if (instruction.name === "FROM") {
      const [base = "", as, name] = instruction.text.split(/\s+/);
      const isNamed = as?.toLowerCase() === "as" && name !== undefined;
      stages.push({ base, name: isNamed ? name : null, instructions: [] });
    } else stages.at(-1)?.instructions.push(instruction);
  }
  return stages;
}

function instructionsOf(text: string): readonly Instruction[] {
  const found: Instruction[] = [];
  let open: { line: number; text: string } | null = null;
  for (const [index, line] of text.split("\n").entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    open ??= { line: index + 1, text: "" };
    open.text += line
      .replace(/\\\s*$/, " ")
      .trimEnd()
      .concat(" ");
    if (/\\\s*$/.test(line)) continue;
    const [, name = "", rest = ""] = /^\s*(\w+)\s+(.*)$/.exec(open.text) ?? [];
    found.push({
      line: open.line,
      name: name.toUpperCase(),
      text: rest.replace(/\s+/g, " ").trim(),
    });
    open = null;
  }
  return found;
}

const SECRET = /(token|password|secret|signing_key|private_key|database_url)\w*\s*=\s*\S/i;

/** What we want of an image, one fault a line. */
export function dockerfileFaults(text: string): readonly string[] {
  const stages = parseDockerfile(text);
  const last = stages.at(-1);
  if (last === undefined) return ["has no FROM"];
  const named = (name: string) => last.instructions.filter((each) => each.name === name);
  const only = (name: string) => named(name).at(-1)?.text ?? null;
  const faults: string[] = [];
  const require = (isKept: boolean, fault: string): void => {
    if (!isKept) faults.push(fault);
  };
  for (const { base } of stages) {
    require(/:\d[\w.-]*(@sha256:[0-9a-f]{64})?$/.test(base), `${base} has no version of its own`);
  }
  for (const { line, name, text: content } of stages.flatMap(({ instructions }) => instructions)) {
    require(name !== "ADD", `line ${line}: ADD fetches and unpacks; COPY does what is meant`);
    require(!/^(ENV|ARG)$/.test(name) ||
      !SECRET.test(content), `line ${line}: a secret would stay in the image`);
    require(!/curl|wget|apt-get upgrade/.test(
      content,
    ), `line ${line}: nothing is fetched past npm`);
  }
  require(stages.length > 1, "is built in one stage, so that its tools stay in the image");
  const user = only("USER")?.split(":")[0] ?? "root";
  require(/^[1-9]\d*$/.test(user), `runs as ${user}, wanted is a number other than 0`);
  const afterUser = last.instructions.slice(
    last.instructions.findLastIndex(({ name }) => name === "USER"),
  );
  require(!afterUser.some(({ name }) => name === "RUN"), "has RUN behind USER");
  for (const name of ["ENTRYPOINT", "CMD"]) {
    require(only(name)?.startsWith("[") ??
      false, `${name} is not a list, so a shell gets the signals`);
  }
  require(/\bCMD \["node"/.test(only("HEALTHCHECK") ?? ""), "has no HEALTHCHECK by node");
  require(only("VOLUME") !== null, "has no VOLUME for the data");
  require([null, "SIGTERM"].includes(only("STOPSIGNAL")), "is stopped by another signal");
  return faults;
}
