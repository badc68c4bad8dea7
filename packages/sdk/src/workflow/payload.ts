import { WorkflowNonRetryableError } from "../errors.ts";
import { jsonOrText } from "../wire/json.ts";
import type { SchemaIssue, StandardSchema } from "./workflow.ts";

export interface PayloadReader<Payload> {
  readonly schema?: StandardSchema<Payload> | undefined;
  readonly initialPayloadParser?: ((text: string) => Payload) | undefined;
}

/**
 * Reads a run's payload: by the author's parser, else as JSON, else as the text that it is; and checks it against the schema.
 * @throws WorkflowNonRetryableError when it does not fit: it never will.
 */
export async function readPayload<Payload>(
  text: string,
  { schema, initialPayloadParser }: PayloadReader<Payload>,
): Promise<Payload> {
  if (initialPayloadParser !== undefined) return initialPayloadParser(text);
  const value = text === "" ? undefined : jsonOrText(text);
  // Without a schema the author's word for it counts.
  if (schema === undefined) return value as Payload;
  const result = await schema["~standard"].validate(value);
  if (result.issues === undefined) return result.value;
  throw new WorkflowNonRetryableError(
    `the payload does not fit the schema of this workflow: ${result.issues.map(shown).join("; ")}`,
  );
}

function shown({ path = [], message }: SchemaIssue): string {
  const names = path.map((part) => String(typeof part === "object" ? part.key : part));
  return names.length === 0 ? message : `${names.join(".")}: ${message}`;
}
