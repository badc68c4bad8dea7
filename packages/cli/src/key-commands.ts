// `reprise keys` and `reprise tokens`: what receivers check deliveries with, and who may call the server.

import type {
  NewTokenResource,
  SigningKeysResource,
  TokenResource,
  TokenScope,
} from "@reprise/protocol";
import { type Command, InvalidArgumentError } from "commander";
import { addJsonOption, type JsonOption, printAnswer, printDone, printList } from "./answer.ts";
import { ask, askList, connectApi } from "./api-client.ts";
import { addSureOption, confirm, type SureOption } from "./confirm.ts";
import { formatInstant } from "./instant.ts";
import { segment } from "./paths.ts";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";
import { formatTable } from "./text.ts";

const KEYS_PATH = "/v2/keys";
const TOKENS_PATH = "/v2/tokens";
const SCOPES: readonly TokenScope[] = ["full", "read-only", "publish-only"];

export function addKeyCommands(program: Command, terminal: Terminal): void {
  const keys = program.command("keys").description("show and rotate the signing keys");
  const show = keys.command("show").description("print the signing keys, ready for an app");
  addJsonOption(show).action(async (options: JsonOption) => {
    const answer = await ask<SigningKeysResource>(connectApi(terminal), { path: KEYS_PATH });
    printAnswer(answer, options, formatKeys, terminal);
  });
  const rotate = keys
    .command("rotate")
    .description("make the next key the current one, and a new next one")
    .option("--force", "even if the last rotation is not long ago");
  addSureOption(addJsonOption(rotate)).action(
    async (options: JsonOption & SureOption & { readonly force?: true }) => {
      await confirm(
        "rotate the signing keys; apps have to know the next key already",
        options,
        terminal,
      );
      const answer = await ask<SigningKeysResource>(connectApi(terminal), {
        method: "POST",
        path: `${KEYS_PATH}/rotate`,
        query: options.force === true ? [["force", "true"]] : [],
      });
      printAnswer(answer, options, formatKeys, terminal);
      note(terminal, "rotated; give apps these two before the next rotation");
    },
  );
}

function formatKeys({ current, next }: SigningKeysResource): string {
  return `QSTASH_CURRENT_SIGNING_KEY=${current}\nQSTASH_NEXT_SIGNING_KEY=${next}`;
}

export function addTokenCommands(program: Command, terminal: Terminal): void {
  const tokens = program.command("tokens").description("look at tokens, make and revoke them");
  const list = tokens.command("list").description("list tokens, without their texts");
  addJsonOption(list).action(async (options: JsonOption) => {
    const all = await askList<TokenResource>(connectApi(terminal), { path: TOKENS_PATH });
    printList(all, { ...options, noun: "token" }, formatTokenTable, terminal);
  });
  const create = tokens
    .command("create")
    .description("make a token and print it, which happens this once")
    .argument("<name>", "what it is for")
    .requiredOption("--scope <scope>", `one of ${SCOPES.join(", ")}`, parseScope);
  addJsonOption(create).action(
    async (name: string, options: JsonOption & { readonly scope: TokenScope }) => {
      const { scope } = options;
      const request = { method: "POST", path: TOKENS_PATH, body: { name, scope } } as const;
      const token = await ask<NewTokenResource>(connectApi(terminal), request);
      if (options.json === true) return printJson(terminal, token);
      printLine(terminal, token.token);
      note(terminal, `${token.id}: made for ${scope}. Keep it: it is not shown again.`);
    },
  );
  const revoke = tokens
    .command("revoke")
    .description("let nobody in with a token any more")
    .argument("<tokenId>");
  addSureOption(addJsonOption(revoke)).action(
    async (id: string, options: JsonOption & SureOption) => {
      await confirm(`revoke the token ${id}`, options, terminal);
      const path = `${TOKENS_PATH}/${segment(id, "the id")}`;
      const answer = await connectApi(terminal)({ method: "DELETE", path });
      printDone(answer, options, `${id}: revoked`, terminal);
    },
  );
}

function parseScope(text: string): TokenScope {
  const scope = SCOPES.find((known) => known === text);
  if (scope !== undefined) return scope;
  throw new InvalidArgumentError(`Allowed are ${SCOPES.join(", ")}.`);
}

function formatTokenTable(tokens: readonly TokenResource[]): string {
  const rows = tokens.map(({ id, name, scope, source, createdAt }) => [
    id,
    name,
    scope,
    source,
    createdAt === undefined ? "-" : formatInstant(createdAt),
  ]);
  return formatTable(["token", "name", "scope", "from", "created"], rows);
}
