// Refusals: why an operation cannot be finished. Each becomes a SCIM error with the text as
// `detail`.

export class Refusal extends Error {
  get name() {
    return this.constructor.name;
  }
}

/** The app rejects the change. 400 `invalidValue`. */
export class Rejected extends Refusal {
  raw() {
    return { tag: "rejected", val: this.message };
  }
}

/** Another account in the app has this name or address. 409 `uniqueness`. */
export class Conflict extends Refusal {
  raw() {
    return { tag: "conflict", val: this.message };
  }
}

/** The change is not allowed, for example because the account is protected. 403. */
export class Forbidden extends Refusal {
  raw() {
    return { tag: "forbidden", val: this.message };
  }
}

/** The app does not support the change. 501. */
export class Unsupported extends Refusal {
  raw() {
    return { tag: "unsupported", val: this.message };
  }
}

/** The app cannot be reached, or asks to wait, for this many seconds if known. */
export class RetryLater extends Refusal {
  constructor(seconds = null) {
    super("The app cannot be reached, or asks to wait.");
    this.seconds = seconds;
  }

  raw() {
    return { tag: "retry-later", val: this.seconds };
  }
}

/** The app's settings or credentials are wrong. 500; the operation stays open for the operator. */
export class Misconfigured extends Refusal {
  raw() {
    return { tag: "misconfigured", val: this.message };
  }
}
