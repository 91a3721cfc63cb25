// The interface's `decide`, in terms of the author's functions.

import { App } from "./app.js";
import { about, contextOf } from "./event.js";
import { log } from "./log.js";
import { Refusal, Unsupported } from "./refusal.js";
import { decoded, encoded } from "./utf8.js";

/** Bytes of a note: `wit/types.wit`, `outcome`. */
const NOTE_BYTES = 1024;

/** The handler of each kind of event, and what it does in words. */
const HANDLERS = {
  create: ["create", "creating people"],
  update: ["update", "updating people"],
  activate: ["activate", "activating people"],
  deactivate: ["deactivate", "deactivating people"],
  delete: ["delete", "deleting people"],
  release: ["release", "releasing people"],
  password: ["password", "setting passwords"],
  "group-create": ["groupCreate", "groups"],
  "group-update": ["groupUpdate", "groups"],
  "group-delete": ["groupDelete", "groups"],
};

const DEFAULTS = {
  release: (_app, context) =>
    context.unchanged("The integration ended; the account stays as it is."),
};

export function connector(handlers) {
  const known = Object.values(HANDLERS).map(([name]) => name);
  const unknown = Object.keys(handlers).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`a connector has no handler "${unknown}"; it has ${known.join(", ")}`);
  }
  return { ...DEFAULTS, ...handlers };
}

/** The next step of an operation. Throws a refusal, in the form of the interface. */
export function decide(handlers, manifest, rawContext, rawEvent, exchanges) {
  const app = new App(exchanges);
  const answer = outcomeOf(() => {
    const [name, what] = HANDLERS[rawEvent.kind];
    if (!handlers[name]) {
      throw new Unsupported(`The connector does not support ${what}.`);
    }
    return stepOf(handlers[name](app, contextOf(rawContext, manifest), about(rawEvent)));
  });
  const request = app.finish();
  if (request) {
    return { tag: "call", val: request };
  }
  if (answer instanceof Refusal) {
    throw answer.raw();
  }
  return answer;
}

/** A handler's result or refusal. Any other error is logged, and fails the operation. */
function outcomeOf(handler) {
  try {
    return handler();
  } catch (thrown) {
    if (thrown instanceof Refusal) {
      return thrown;
    }
    log.error(described(thrown));
    throw thrown;
  }
}

function described(thrown) {
  const [place] = String(thrown?.stack ?? "").match(/\bat .+/) ?? [];
  return place ? `${thrown}, ${place}` : String(thrown);
}

function stepOf(outcome) {
  if (typeof outcome?.then === "function") {
    throw new TypeError("a handler must not be an async function; app.send is synchronous");
  }
  if (typeof outcome?.note !== "string") {
    throw new TypeError("a handler returns { account, note }, where note is a sentence");
  }
  const { account = null, note, gone = false } = outcome;
  const val = { account: rawAccount(account), visibility: gone ? "gone" : "present", note: cut(note) };
  return { tag: "done", val };
}

function rawAccount(account) {
  if (!account) {
    return null;
  }
  const { id, membership, notes = null } = account;
  return { id, membership, data: JSON.stringify(notes) };
}

/** The note, shortened to the limit between two characters. */
function cut(note) {
  const bytes = encoded(note);
  if (bytes.length <= NOTE_BYTES) {
    return note;
  }
  let end = NOTE_BYTES - 3;
  while ((bytes[end] & 0xc0) === 0x80) {
    end -= 1;
  }
  return `${decoded(bytes.subarray(0, end))}…`;
}
