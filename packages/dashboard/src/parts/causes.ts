import type { FailureCause } from "@reprise/protocol";

export interface CauseText {
  /** In two or three words. */
  readonly title: string;
  readonly meaning: string;
  /** What a person can do. */
  readonly advice: string;
}

/** What each cause means and what to do about it. */
export const CAUSES: Readonly<Record<FailureCause, CauseText>> = {
  unreachable: {
    title: "Unreachable",
    meaning:
      "No connection came up: the name does not exist, nothing listens there, or the connection was cut.",
    advice:
      "Start the app or correct its address, make sure this server can reach it, then resume.",
  },
  timeout: {
    title: "Timeout",
    meaning: "No answer came in time, or a proxy in front of the app gave up waiting.",
    advice:
      "Make the step shorter, split it, or give the platform and the Upstash-Timeout header more time, then resume.",
  },
  tunnel_page: {
    title: "Tunnel page",
    meaning:
      "A tunnel or proxy answered in place of the app, with a page of its own: the app behind it was gone.",
    advice:
      "Start the tunnel and the app again. When the tunnel has a new address, restart with it.",
  },
  redirect_to_login: {
    title: "Redirect to login",
    meaning: "A login page answered: something in front of the app protects this route.",
    advice: "Let this route through without a login; its requests are signed. Then resume.",
  },
  signature_mismatch: {
    title: "Signature mismatch",
    meaning:
      "The app refused the signature: it knows other signing keys, or signs for another URL.",
    advice:
      "Give the app the current and the next signing key of this server, and the URL that it is called by.",
  },
  not_a_workflow: {
    title: "Not a workflow",
    meaning:
      "Something answered, but no workflow: a wrong path, a wrong method, or a missing route.",
    advice: "Compare the URL with the route that serves the workflow, deploy it, then resume.",
  },
  old_sdk: {
    title: "Old SDK",
    meaning: "The SDK behind this URL is older than what the run needs.",
    advice: "Update the SDK of the app and deploy it, then resume.",
  },
  non_retryable: {
    title: "Not retryable",
    meaning: "The app said that trying again cannot help, and the retries were left out.",
    advice: "Read the error, mend the code or the data, then resume or restart.",
  },
  payload_refused: {
    title: "Payload refused",
    meaning: "What was sent or handed in was refused: it does not fit the schema, or is too large.",
    advice:
      "Compare payload and schema. Mend the code and resume; when the payload itself is wrong, trigger a new run.",
  },
  client_error: {
    title: "Client error",
    meaning: "The answer had a status between 400 and 499, and nothing else that says why.",
    advice: "Read the answer: authorization, a missing route, or a limit. Mend it, then resume.",
  },
  server_error: {
    title: "Server error",
    meaning: "The answer had a status of 500 or above, and did not come from the SDK.",
    advice: "Look at the app's own logs at the time of the failure. When it is well again, resume.",
  },
  step_error: {
    title: "Step error",
    meaning: "The code of the step threw an error, each time it was tried.",
    advice: "Read the error and its stack, deploy the fix, then resume: finished steps stay.",
  },
  cancelled: {
    title: "Cancelled",
    meaning: "It was cancelled while an attempt was under way.",
    advice: "Nothing is broken. Resume or retry it when it should run after all.",
  },
  unknown: {
    title: "Unknown cause",
    meaning: "The answer does not say what went wrong.",
    advice: "Look at the attempts, their headers and bodies, and at the app's own logs.",
  },
};

/** A later server may name causes that this page does not know. */
export function causeText(cause: string | undefined): CauseText {
  const isKnown = cause !== undefined && Object.hasOwn(CAUSES, cause);
  // An own key of the record is a cause.
  return CAUSES[isKnown ? (cause as FailureCause) : "unknown"];
}
