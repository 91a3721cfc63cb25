// Why an operation cannot be finished. Each becomes a SCIM error whose `detail` is the text.

export class Refusal extends Error {
  get name() {
    return this.constructor.name;
  }
}

/** The app says no for good. 400 `invalidValue`. */
export class Rejected extends Refusal {
  raw() {
    return { tag: "rejected", val: this.message };
  }
}

/** Somebody else in the app has this name or address. 409 `uniqueness`. */
export class Conflict extends Refusal {
  raw() {
    return { tag: "conflict", val: this.message };
  }
}

/** It must not be done, to a protected account for instance. 403. */
export class Forbidden extends Refusal {
  raw() {
    return { tag: "forbidden", val: this.message };
  }
}

/** The app has no such thing. 501. */
export class Unsupported extends Refusal {
  raw() {
    return { tag: "unsupported", val: this.message };
  }
}

/** The app cannot be reached, or asks to wait: if known, for so many seconds. */
export class RetryLater extends Refusal {
  constructor(seconds = null) {
    super("The app cannot be reached, or asks to wait.");
    this.seconds = seconds;
  }

  raw() {
    return { tag: "retry-later", val: this.seconds };
  }
}

/** The app's settings or credentials are wrong. 500; the operation waits for the operator. */
export class Misconfigured extends Refusal {
  raw() {
    return { tag: "misconfigured", val: this.message };
  }
}
