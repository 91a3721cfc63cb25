// The SDK's interface for connectors. It does not need WebAssembly and also runs in Node.

export { connector } from "./connector.js";
export { log } from "./log.js";
export {
  Conflict,
  Forbidden,
  Misconfigured,
  Refusal,
  Rejected,
  RetryLater,
  Unsupported,
} from "./refusal.js";
export { Request, path } from "./request.js";
export { Response, idIn } from "./response.js";
