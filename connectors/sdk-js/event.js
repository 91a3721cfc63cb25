// Events and contexts, as handlers receive them.

/** An event about a user or a group. */
export function about(raw) {
  const { kind, subject, changes, password, joined, left } = raw;
  const event = new Event(raw);
  if (subject.tag === "user") {
    return Object.assign(event, { kind, user: subject.val, changes, password });
  }
  const members = (raws) => raws.map((member) => ({ ...member, account: accountOf(member.account) }));
  const group = subject.val;
  return Object.assign(event, {
    kind,
    group,
    changes,
    joined: members(joined),
    left: members(left),
  });
}

/** The context of a decision. Settings that are not set have the manifest's defaults. */
export function contextOf(raw, manifest) {
  const account = accountOf(raw.account);
  const settings = completed(manifest.settings ?? {}, JSON.parse(raw.settings));
  return {
    ...raw,
    settings,
    account,
    before: raw.before === null ? null : JSON.parse(raw.before),
    unchanged: (note) => ({ account, note }),
  };
}

class Event {
  #text;
  #parsed;

  constructor({ resource }) {
    this.#text = resource;
  }

  get resource() {
    this.#parsed ??= JSON.parse(this.#text);
    return this.#parsed;
  }

  /** The user's e-mail address; if there is none, the `userName` if it contains `@`. */
  get address() {
    const { email, userName } = this.user ?? {};
    return email ?? (userName?.includes("@") ? userName : null);
  }

  attribute(path) {
    const [schema, attribute] = split(path);
    const object = schema === null ? this.resource : this.resource[schema];
    return attribute.split(".").reduce((value, name) => value?.[name], object);
  }

  changed(path) {
    const [schema, attribute] = split(path);
    const top = attribute.split(".")[0];
    return this.changes.some((change) => {
      const [ours, name] = split(change);
      return ours === schema && name === top;
    });
  }
}

/** Splits `urn:…:User:department` into the schema and the attribute. */
function split(path) {
  const colon = path.lastIndexOf(":");
  return colon < 0 ? [null, path] : [path.slice(0, colon), path.slice(colon + 1)];
}

function accountOf(raw) {
  return raw ? { id: raw.id, membership: raw.membership, notes: JSON.parse(raw.data) } : null;
}

function completed(schema, given) {
  if (given === undefined) {
    given = schema.default;
  }
  if (schema.properties === undefined || (given !== undefined && typeof given !== "object")) {
    return given;
  }
  const settings = { ...given };
  for (const [name, property] of Object.entries(schema.properties)) {
    const value = completed(property, settings[name]);
    if (value !== undefined) {
      settings[name] = value;
    }
  }
  return settings;
}
