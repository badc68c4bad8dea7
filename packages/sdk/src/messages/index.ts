export {
  QstashDailyRatelimitError,
  QstashEmptyArrayError,
  QstashError,
  QstashRatelimitError,
  SignatureError,
  type SignatureFault,
} from "../errors.ts";
export { Receiver, type ReceiverConfig, type VerifyRequest } from "./receiver.ts";
