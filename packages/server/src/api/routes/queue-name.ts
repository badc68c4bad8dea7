import { NAME_CHARS_MAX, quoted, RepriseError } from "@reprise/protocol";

export function invalidQueueName(name: string): RepriseError {
  return new RepriseError("invalid_request", {
    message: `a queue name must be 1 to ${NAME_CHARS_MAX} letters, digits, hyphens, underscores or dots, got ${quoted(name)}`,
    details: { field: "queueName" },
  });
}
