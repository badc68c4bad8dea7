/** What is wrong with an answer whose status says success. Applications match the first two literally (workflow protocol, 4.4 and 4.7). */

export const NOT_A_WORKFLOW =
  "detected a non-workflow destination for trigger/invoke. make sure you are sending the request to the correct endpoint";

export const SDK_TOO_OLD =
  "trigger rest api is only usable with sdk versions after v1.0.0 major version";

export const NOT_FROM_SDK =
  "the answer does not come from a workflow: it lacks the header Upstash-Workflow-Sdk-Version, and the step has not been recorded (another app, a tunnel or a proxy may answer under this URL)";

export const NOT_TRIGGERED = "the endpoint answered without triggering the run again";
