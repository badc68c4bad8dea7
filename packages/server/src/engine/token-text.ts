import { isDevSecret, TOKEN_BYTES_MAX } from "@reprise/protocol";

/** The text of a token: base64 of a JSON object, because SDKs read the user id out of it to build the URLs of webhooks. */

/** Apps build URLs with it, so it stays the same for every token of an installation, whatever the token may do. */
const USER_ID = "reprise";

/** Random bytes of a password; nobody guesses one of 256 bits. */
const PASSWORD_BYTES = 32;

export function newTokenText(randomBytes: (count: number) => Uint8Array): string {
  const password = Buffer.from(randomBytes(PASSWORD_BYTES)).toString("base64url");
  return Buffer.from(JSON.stringify({ UserID: USER_ID, Password: password })).toString("base64");
}

const CHARS_MIN = 24;

/** What is wrong with a token that a person has chosen, as the end of a sentence; null when nothing is. */
export function tokenFault(text: string): string | null {
  if (isDevSecret(text)) return "must not be a published development token";
  if (text.length < CHARS_MIN) return `must have at least ${CHARS_MIN} characters`;
  if (text.length > TOKEN_BYTES_MAX) return `must have at most ${TOKEN_BYTES_MAX} characters`;
  if (hasUserId(text)) return null;
  return 'must be base64 of a JSON object such as {"UserID":"me","Password":"..."}: SDKs read it';
}

function hasUserId(text: string): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64").toString("utf8"));
    return typeof value === "object" && value !== null && "UserID" in value && value.UserID !== "";
  } catch {
    return false; // Not base64 of JSON: that is the question.
  }
}
