// The app as a decision sees it: the recorded responses, and the next request.

import { Refusal } from "./refusal.js";
import { Request, sameBytes } from "./request.js";
import { Response } from "./response.js";

/** Thrown if a request has no response yet. */
class Waiting extends Refusal {
  constructor() {
    super("waiting for the app; do not catch this, since the request is made in any case");
  }
}

export class App {
  #recorded;
  #asked = 0;
  #wanted = null;

  constructor(exchanges) {
    this.#recorded = exchanges;
  }

  send(request) {
    return this.ask(request).success();
  }

  ask(request) {
    if (!(request instanceof Request)) {
      throw new TypeError("app.send and app.ask take a Request, such as Request.get(\"app\", path)");
    }
    if (this.#wanted) {
      throw new Waiting();
    }
    const exchange = this.#recorded[this.#asked];
    if (!exchange) {
      this.#wanted = request.raw();
      throw new Waiting();
    }
    this.#asked += 1;
    const divergence = diverges(request.raw(), exchange.request);
    if (divergence) {
      throw new Error(`call ${this.#asked}: ${divergence}`);
    }
    return Response.of(exchange);
  }

  /** The request without a recorded response; null if the decision is complete. */
  finish() {
    if (!this.#wanted && this.#asked < this.#recorded.length) {
      throw new Error(
        `ended after ${this.#asked} calls where the journal has ${this.#recorded.length}`,
      );
    }
    return this.#wanted;
  }
}

/** The parts that differ, without their values, which may be personal data. */
function diverges(asked, recorded) {
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const parts = [
    ["endpoint", asked.endpoint === recorded.endpoint],
    ["query", same(asked.query, recorded.query)],
    ["set of headers", same(asked.headers, recorded.headers)],
    ["body", sameBytes(asked.body, recorded.body)],
  ];
  const others = parts.filter(([, equal]) => !equal).map(([part]) => `, with another ${part}`);
  const [ours, theirs] = [asked, recorded].map(({ method, path }) => `${method} ${path}`);
  if (ours === theirs && others.length === 0) {
    return null;
  }
  const differs = ours === theirs ? others.join("") : "";
  return `asked for ${ours} where the journal has ${theirs}${differs}`;
}
