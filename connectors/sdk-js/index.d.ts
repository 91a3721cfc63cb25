/**
 * Connectors for muster: for each change in a person's life, what the app is to be asked, and what
 * that comes to.
 */

/** What a handler answers: what came of the event. */
export interface Outcome {
  /** The account as it is now; none where the person has none. */
  account?: Account | null;
  /** One sentence for the people who read the journal: what was done, and why. */
  note: string;
  /** The identity provider no longer finds the resource (404). */
  gone?: boolean;
}

/** A person's or a group's presence in the app. */
export interface Account {
  /** The app's own id, at most 512 bytes. */
  id: string;
  membership: Membership;
  /** Notes of the connector's own: JSON of at most 16 KiB, given back with every event. */
  notes?: any;
}

/** In the organisation and able to sign in, in it and not able to, or not in it. */
export type Membership = "active" | "suspended" | "absent";

/** What is known beside the event; the same each time an operation is asked about. */
export interface Context<Settings> {
  /** The operation's id, unique for ever. */
  operation: string;
  /** The tenant: one customer organisation's integration with the app. */
  tenant: string;
  /** When the operation began, in RFC 3339 with UTC. `Date.now()` says the same. */
  now: string;
  /** Randomness for whoever needs it; `Math.random()` follows it. */
  seed: number;
  /** The settings of app and tenant, with the manifest's defaults. */
  settings: Settings;
  /** The SCIM resource as it stood before the event; none for a create. */
  before: any | null;
  /** The account, where one is known. On create: of a person who was here before. */
  account: Account | null;
  /** In how many other tenants of the same app this very account is a member. */
  elsewhere: number;
  /** An outcome that leaves the account as it is. */
  unchanged(note: string): Outcome;
}

interface Event {
  /** The whole SCIM resource, canonical. */
  readonly resource: any;
  /** The top-level attributes that differ from before; empty on create. */
  changes: string[];
  /** An attribute, by its SCIM path: `title`, `name.givenName`, `urn:…:User:department`. */
  attribute(path: string): any;
  /** Whether the attribute differs from before; of `name.givenName`, whether `name` does. */
  changed(path: string): boolean;
}

/** What happened to a person. */
export interface UserEvent extends Event {
  kind: string;
  /** The person after the event. */
  user: User;
  /** The person's e-mail address; their `userName` where it is one and there is no other. */
  readonly address: string | null;
  /** A stand-in for the password that was set; it belongs in a JSON or form body. */
  password: string | null;
}

/** What happened to a group. */
export interface GroupEvent extends Event {
  kind: string;
  /** The group after the event. */
  group: Group;
  /** Who joined; at most 100, a larger change arrives as several events. */
  joined: Member[];
  /** Who left; at most 100, as above. */
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

/** Somebody who joined or left a group. */
export interface Member {
  id: string;
  name: string;
  account: Account | null;
}

type Handler<Settings, E> = (app: App, context: Context<Settings>, event: E) => Outcome;

/**
 * One function for each kind of event. It is asked from its beginning after every call to the app,
 * with one more recorded answer, and does the same each time it is given the same. What has no
 * function is refused as unsupported, except `release`, which leaves the account as it is.
 */
export interface Handlers<Settings> {
  /** A person joins; `event.user.active` tells whether they may sign in. */
  create?: Handler<Settings, UserEvent>;
  /** A person's attributes changed; whether they are active did not. */
  update?: Handler<Settings, UserEvent>;
  /** A person may sign in again. */
  activate?: Handler<Settings, UserEvent>;
  /** A person may no longer sign in. */
  deactivate?: Handler<Settings, UserEvent>;
  /** The identity provider deleted the person. */
  delete?: Handler<Settings, UserEvent>;
  /** The integration ended for this person. */
  release?: Handler<Settings, UserEvent>;
  /** The password changed; `event.password` is a stand-in for it. */
  password?: Handler<Settings, UserEvent>;
  /** A group was pushed, with the members in `event.joined`. */
  groupCreate?: Handler<Settings, GroupEvent>;
  /** A group's name, attributes or members changed. */
  groupUpdate?: Handler<Settings, GroupEvent>;
  /** A group was deleted. */
  groupDelete?: Handler<Settings, GroupEvent>;
}

/** A connector, which is what a project's main file exports as `default`. */
export function connector<Settings = Record<string, any>>(handlers: Handlers<Settings>): object;

/** The app: give it a request, and go on with the answer. */
export interface App {
  /**
   * Performs a request that has to succeed, and returns its answer of the 200s. Anything else
   * refuses the event in the way that fits: 409 as `Conflict`, 429 and 5xx as `RetryLater`, 401 and
   * 403 as `Misconfigured`, any other 4xx as `Rejected`, each with what the app said.
   */
  send(request: Request): Response;
  /** The same, but what the app answers with 3xx and 4xx (beside 401) is to be looked at. */
  ask(request: Request): Response;
}

/** What a request has beside its method and path. */
export interface RequestOptions {
  query?: Record<string, string | number | boolean> | [string, string][];
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

/** An answer of the app. */
export class Response {
  readonly status: number;
  /** Names in lower case, and values. */
  readonly headers: [string, string][];
  readonly body: Uint8Array;
  /** The answer, if it is one of the 200s; throws the refusal that fits otherwise. */
  success(): Response;
  /** As `success`, but null where there is no such thing (404, 410). */
  found(): Response | null;
  text(): string;
  /** The body as JSON. What cannot be read is `Misconfigured`. */
  json(): any;
  /** The array in this field of the body; the body itself where the field is empty. */
  entries(field: string): any[];
  /** The value of a header, by its lower-case name. */
  header(name: string): string | undefined;
}

/** The id in a JSON object of the app's, be it text or number. */
export function idIn(object: any, field: string): string;

/** Why an operation cannot be finished: throw it. Its message becomes the SCIM error's detail. */
export abstract class Refusal extends Error {}
/** The app says no for good. 400. */
export class Rejected extends Refusal {}
/** Somebody else in the app has this name or address. 409. */
export class Conflict extends Refusal {}
/** It must not be done, to a protected account for instance. 403. */
export class Forbidden extends Refusal {}
/** The app has no such thing. 501. */
export class Unsupported extends Refusal {}
/** The app cannot be reached, or asks to wait: if known, for so many seconds. */
export class RetryLater extends Refusal {
  constructor(seconds?: number | null);
}
/** The app's settings or credentials are wrong. 500; the operation waits for the operator. */
export class Misconfigured extends Refusal {}

/** Lines for the people who operate the connector; `console` writes them too. */
export const log: {
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
};
