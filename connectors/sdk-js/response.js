// Responses of the app, and the refusal that each status becomes.

import { Conflict, Misconfigured, Rejected, RetryLater, Unsupported } from "./refusal.js";
import { decoded } from "./utf8.js";

/** Characters of the app's message in a refusal. */
const MESSAGE_LENGTH = 300;
/** Characters of a body that are searched for words: a megabyte would exceed the time limit. */
const SEARCHED = 8192;

/** The fields of error documents that hold a message, the most specific first. */
const MESSAGES =
  ["message", "errorSummary", "detail", "error_description", "error", "errors", "title"];

export class Response {
  #asked;

  constructor({ status, headers, body }, asked) {
    this.status = status;
    this.headers = headers;
    this.body = body;
    this.#asked = asked;
  }

  /** The response. Throws a refusal if a connector cannot do anything about it. */
  static of({ request, response }) {
    const asked = `${request.method} ${request.path}`;
    if (response.tag === "err") {
      if (response.val.tag === "too-large") {
        throw new Misconfigured(`The app's answer to ${asked} is larger than muster takes.`);
      }
      throw new RetryLater();
    }
    const answer = new Response(response.val, asked);
    const { status } = answer;
    if (status === 401) {
      throw new Misconfigured(answer.#sentence("does not accept the credentials of"));
    }
    if (status === 501) {
      throw new Unsupported(answer.#sentence("does not support"));
    }
    // Some apps answer 403 when a secondary rate limit is exceeded.
    const limited = status === 403 && answer.header("retry-after") !== undefined;
    if (limited || [408, 425, 429].includes(status) || status >= 500) {
      throw answer.#later();
    }
    return answer;
  }

  success() {
    const { status } = this;
    if (status >= 200 && status < 300) {
      return this;
    }
    if (status >= 300 && status < 400) {
      throw new Misconfigured(this.#sentence("redirects"));
    }
    if (status === 403) {
      throw new Misconfigured(this.#sentence("does not permit"));
    }
    if (status === 409) {
      throw new Conflict(this.#sentence("sees a conflict in"));
    }
    throw new Rejected(this.#sentence("refused"));
  }

  found() {
    return this.status === 404 || this.status === 410 ? null : this.success();
  }

  text() {
    return decoded(this.body);
  }

  json() {
    try {
      return JSON.parse(this.text());
    } catch (error) {
      const { status } = this;
      const why = error instanceof Error ? error.message : error;
      throw new Misconfigured(`The app's answer ${status} to ${this.#asked} cannot be read: ${why}.`);
    }
  }

  entries(field) {
    const body = this.json();
    const list = field === "" ? body : body?.[field];
    if (!Array.isArray(list)) {
      throw new Misconfigured(
        `The app's answer to ${this.#asked} has no list ${JSON.stringify(field)}.`,
      );
    }
    return list;
  }

  header(name) {
    return this.headers.find(([known]) => known === name)?.[1];
  }

  #later() {
    // RFC 9110 §10.2.3 also allows a date, but a connector has no clock to compare it with.
    const after = this.header("retry-after")?.trim() ?? "";
    return new RetryLater(/^\d{1,9}$/.test(after) ? Number(after) : null);
  }

  #sentence(verb) {
    const words = appMessage(this.text());
    return `The app ${verb} ${this.#asked} (${this.status})${words === "" ? "." : `: ${words}`}`;
  }
}

export function idIn(object, field) {
  const id = object?.[field];
  if (typeof id === "number" || (typeof id === "string" && id !== "")) {
    return `${id}`;
  }
  throw new Misconfigured(`The app's answer has no id ${JSON.stringify(field)}.`);
}

/** The app's message, shortened: the message in its JSON, or its text unless that is a web page. */
function appMessage(text) {
  let words = text.trimStart().startsWith("<") ? "" : text;
  try {
    words = message(JSON.parse(text)) ?? "";
  } catch {
    // Not JSON: the text itself.
  }
  const letters = [...words.slice(0, SEARCHED).split(/\s+/).filter(Boolean).join(" ")];
  const cut = letters.length > MESSAGE_LENGTH;
  return cut ? `${letters.slice(0, MESSAGE_LENGTH).join("")}…` : letters.join("");
}

function message(json) {
  if (typeof json === "string") {
    return json;
  }
  if (Array.isArray(json)) {
    return json.length > 0 ? message(json[0]) : undefined;
  }
  for (const name of json && typeof json === "object" ? MESSAGES : []) {
    const found = message(json[name]);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}
