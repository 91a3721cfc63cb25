// The component that a host loads: the interface, implemented by a connector. Only `build.js`
// imports it.

import hosts from "muster:connector/log@0.1.0";

import { decide } from "./connector.js";
import { log, logTo } from "./log.js";
import { decoded, encoded } from "./utf8.js";

logTo((level, message) => hosts.log(level, message));

globalThis.TextEncoder ??= class {
  encode(text = "") {
    return encoded(`${text}`);
  }
};

globalThis.TextDecoder ??= class {
  decode(bytes = []) {
    return decoded(new Uint8Array(bytes));
  }
};

globalThis.console = { ...log, log: log.info, trace: log.debug };

export function component(connector, manifest) {
  return {
    describe: () => JSON.stringify(manifest),
    decide: (context, event, exchanges) => decide(connector, manifest, context, event, exchanges),
  };
}
