// Requests to the app, and their paths.

import { encoded } from "./utf8.js";

export class Request {
  #raw;

  constructor(method, endpoint, path, { query = {}, headers = {}, json, form, body } = {}) {
    const pairs = (of) => (Array.isArray(of) ? of : Object.entries(of)).map(texts);
    this.#raw = { endpoint, method, path, query: pairs(query), headers: pairs(headers), body: null };
    if (json !== undefined) {
      this.#send(JSON.stringify(json), "application/json");
    } else if (form !== undefined) {
      const fields = pairs(form).map(([name, value]) => `${encode(name)}=${encode(value)}`);
      this.#send(fields.join("&"), "application/x-www-form-urlencoded");
    } else if (body !== undefined) {
      this.#raw.body = typeof body === "string" ? encoded(body) : body;
    }
  }

  static get(endpoint, path, options) {
    return new Request("GET", endpoint, path, options);
  }

  static post(endpoint, path, options) {
    return new Request("POST", endpoint, path, options);
  }

  static put(endpoint, path, options) {
    return new Request("PUT", endpoint, path, options);
  }

  static patch(endpoint, path, options) {
    return new Request("PATCH", endpoint, path, options);
  }

  static delete(endpoint, path, options) {
    return new Request("DELETE", endpoint, path, options);
  }

  /** The request in the form of the interface. */
  raw() {
    return this.#raw;
  }

  #send(text, type) {
    this.#raw.body = encoded(text);
    this.#raw.headers.push(["content-type", type]);
  }
}

export function path(...segments) {
  return segments.map((segment) => {
    if (segment === undefined || segment === null || `${segment}` === "") {
      throw new TypeError(`an empty segment in the path ${JSON.stringify(segments)}`);
    }
    return `/${encode(`${segment}`)}`;
  }).join("");
}

export function sameBytes(a, b) {
  if (!a || !b) {
    return !a && !b;
  }
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

function texts([name, value]) {
  return [`${name}`, `${value}`];
}

/** Percent-encodes everything except the unreserved characters of RFC 3986 §2.3. */
function encode(text) {
  const hexadecimal = (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, hexadecimal);
}
