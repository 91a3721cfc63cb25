/**
 * The SDK for muster connectors: what a change of a user means in an app.
 */

/** The result of an operation, which a handler returns. */
export interface Outcome {
  /** The account after the operation. Without an account, the user is absent. */
  account?: Account | null;
  /** One sentence for the people who read the journal: what was done, and why. */
  note: string;
  /** Removes the resource from the identity provider's view: it reads 404. */
  gone?: boolean;
}

/** The account of a user or a group in the app. */
export interface Account {
  /** The app's own id, at most 512 bytes. */
  id: string;
  membership: Membership;
  /** The connector's own notes: JSON of at most 16 KiB, included in later events. */
  notes?: any;
}

/**
 * `active`: in the organisation, and able to sign in. `suspended`: in the organisation, and not
 * able to sign in. `absent`: not in the organisation. */
export type Membership = "active" | "suspended" | "absent";

/**
 * What a decision may depend on in addition to the event. It is the same for each decision of an
 * operation.
 */
export interface Context<Settings> {
  /** The operation's id, which is never used again. */
  operation: string;
  /** The tenant: one customer organisation's integration with the app. */
  tenant: string;
  /** The time when the operation began, RFC 3339 in UTC. `Date.now()` is the same time. */
  now: string;
  /** A random number, the same for each decision of the operation. `Math.random()` follows it. */
  seed: number;
  /** The settings of app and tenant, with the manifest's defaults. */
  settings: Settings;
  /** The SCIM resource that the app was last told; null if it was told none. */
  before: any | null;
  /** The account, if one is known. On `create`, the account of a user who is returning. */
  account: Account | null;
  /**
   * The number of the app's other tenants in which this same account is a member. At least 1 unless the account,
   * known or found, is the tenant's own. If it is not 0, change neither the profile nor the password of the
   * account, and do not delete it.
   */
  elsewhere: number;
  /** An outcome that leaves the account as it is. */
  unchanged(note: string): Outcome;
}

interface Event {
  /** The whole SCIM resource in canonical form. */
  readonly resource: any;
  /** The top-level attributes that changed; empty for a create. */
  changes: string[];
  /** An attribute, by its SCIM path: `title`, `name.givenName`, `urn:…:User:department`. */
  attribute(path: string): any;
  /** Whether the attribute changed. For `name.givenName`, whether `name` changed. */
  changed(path: string): boolean;
}

/** A change of a user. */
export interface UserEvent extends Event {
  kind: string;
  /** The user after the event. */
  user: User;
  /** The user's e-mail address; if there is none, the `userName` if it contains `@`. */
  readonly address: string | null;
  /**
   * A placeholder for the password that was set, for the fields that the manifest's `passwords`
   * lists.
   */
  password: string | null;
}

/** A change of a group. */
export interface GroupEvent extends Event {
  kind: string;
  /** The group after the event. */
  group: Group;
  /** The members that joined, at most 100. A larger change arrives as several events. */
  joined: Member[];
  /** The members that left, at most 100, as above. */
  left: Member[];
}

/** A typed view of a SCIM User. */
export interface User {
  id: string;
  userName: string;
  externalId: string | null;
  displayName: string | null;
  givenName: string | null;
  familyName: string | null;
  email: string | null;
  active: boolean;
}

/** A typed view of a SCIM Group, without its members. */
export interface Group {
  id: string;
  displayName: string;
  externalId: string | null;
}

/** A member that joined or left a group. */
export interface Member {
  id: string;
  name: string;
  account: Account | null;
}

type Handler<Settings, E> = (app: App, context: Context<Settings>, event: E) => Outcome;

/**
 * One function for each kind of event. A function is called from its beginning after every call to
 * the app, with one more recorded response, and must return the same for the same arguments. An
 * event without a function is refused as unsupported, except `release`, which leaves the account as
 * it is. Every event asserts a state, and can arrive twice: the response to an earlier request may have
 * been lost. */
export interface Handlers<Settings> {
  /** A user joins; `event.user.active` says whether they may sign in. */
  create?: Handler<Settings, UserEvent>;
  /** A user's attributes changed, and `active` did not. */
  update?: Handler<Settings, UserEvent>;
  /** A user may sign in again. `event.changes` lists all attributes. */
  activate?: Handler<Settings, UserEvent>;
  /**
   * A user may no longer sign in. Changed attributes come again with `activate`. Without
   * `context.account`, an earlier request may have added the user: look them up. */
  deactivate?: Handler<Settings, UserEvent>;
  /** The identity provider deleted the user. Without `context.account`, as for `deactivate`. */
  delete?: Handler<Settings, UserEvent>;
  /** muster stops managing this user. */
  release?: Handler<Settings, UserEvent>;
  /** The password changed; `event.password` is a placeholder for it. */
  password?: Handler<Settings, UserEvent>;
  /** A group was created, with the members in `event.joined`. */
  groupCreate?: Handler<Settings, GroupEvent>;
  /**
   * A group's name, attributes or members changed. If the app no longer has the team, create it again
   * and return its new id. */
  groupUpdate?: Handler<Settings, GroupEvent>;
  /** A group was deleted. Without `context.account`, look the team up by its name. */
  groupDelete?: Handler<Settings, GroupEvent>;
}

/** A connector. A project's main file exports it as `default`. */
export function connector<Settings = Record<string, any>>(handlers: Handlers<Settings>): object;

/** The app: takes requests and returns responses. */
export interface App {
  /**
   * Performs a request that must succeed, and returns its 2xx response. Any other response refuses
   * the event: 409 as `Conflict`, 429 and 5xx as `RetryLater`, 401 and 403 as `Misconfigured`, any
   * other 4xx as `Rejected`, each with the app's message.
   */
  send(request: Request): Response;
  /** The same, but 3xx and 4xx responses (except 401) are returned too. */
  ask(request: Request): Response;
}

/** The parts of a request in addition to its method and path. */
export interface RequestOptions {
  query?: Record<string, string | number | boolean> | [string, string][];
  /** About media types, conditions or preferences; `x-` headers need the operator's leave. */
  headers?: Record<string, string> | [string, string][];
  /** A JSON body. */
  json?: unknown;
  /** A form body. */
  form?: Record<string, string> | [string, string][];
  /** Any other body. */
  body?: string | Uint8Array;
}

/** A request to the app, at an endpoint that the manifest names. */
export class Request {
  constructor(method: string, endpoint: string, path: string, options?: RequestOptions);
  static get(endpoint: string, path: string, options?: RequestOptions): Request;
  static post(endpoint: string, path: string, options?: RequestOptions): Request;
  static put(endpoint: string, path: string, options?: RequestOptions): Request;
  static patch(endpoint: string, path: string, options?: RequestOptions): Request;
  static delete(endpoint: string, path: string, options?: RequestOptions): Request;
}

/** A path of segments, each percent-encoded. An empty segment is an error. */
export function path(...segments: (string | number)[]): string;

/** A response of the app. */
export class Response {
  readonly status: number;
  /** Names in lower case, and values. */
  readonly headers: [string, string][];
  readonly body: Uint8Array;
  /** The response if its status is 2xx. Throws the refusal that fits otherwise. */
  success(): Response;
  /** As `success`, but null for 404 and 410. */
  found(): Response | null;
  text(): string;
  /** The body as JSON. Another body is `Misconfigured`. */
  json(): any;
  /** The array in this field of the body. If the field is empty, the body itself is the array. */
  entries(field: string): any[];
  /** The value of a header, by its lower-case name. */
  header(name: string): string | undefined;
}

/** The id in a JSON object of the app, a string or a number, as text. */
export function idIn(object: any, field: string): string;

/** Why an operation cannot be finished: throw it. Its message becomes the SCIM error's detail. */
export abstract class Refusal extends Error {}
/** The app rejects the change. 400. */
export class Rejected extends Refusal {}
/** Another account in the app has this name or address. 409. */
export class Conflict extends Refusal {}
/** The change is not allowed, for example because the account is protected. 403. */
export class Forbidden extends Refusal {}
/** The app does not support the change. 501. */
export class Unsupported extends Refusal {}
/** The app cannot be reached, or asks to wait, for this many seconds if known. */
export class RetryLater extends Refusal {
  constructor(seconds?: number | null);
}
/** The app's settings or credentials are wrong. 500; the operation stays open for the operator. */
export class Misconfigured extends Refusal {}

/** Log lines for the people who operate the connector; `console` writes them too. */
export const log: {
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
};
