// What a connector is written with. Nothing in it needs WebAssembly: it runs in Node as well.

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
