// Tests of what the example connector does not use. Run them with `node --test`.

import assert from "node:assert/strict";
import test from "node:test";

import { connector, decide } from "./connector.js";
import { Misconfigured, RetryLater } from "./refusal.js";
import { Request, path } from "./request.js";
import { Response, idIn } from "./response.js";
import { decoded, encoded } from "./utf8.js";

const ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

function answer(status, body, headers = []) {
  return { status, headers, body: new TextEncoder().encode(body) };
}

function context(given = {}) {
  return { settings: "{}", before: null, account: null, elsewhere: 0, seed: 7, ...given };
}

function event(given = {}) {
  const user = { id: "u-1", userName: "ann", email: null, displayName: null, active: true };
  const resource = { title: "Lead", name: { givenName: "Ann" }, [ENTERPRISE]: { department: "R&D" } };
  return {
    kind: "create",
    subject: { tag: "user", val: user },
    resource: JSON.stringify(resource),
    changes: ["name", `${ENTERPRISE}:department`],
    password: null,
    joined: [],
    left: [],
    ...given,
  };
}

function asked(handlers, given = {}) {
  const { manifest = {}, exchanges = [] } = given;
  const of = connector(handlers);
  return decide(of, manifest, context(given.context), event(given.event), exchanges);
}

test("text is encoded and decoded as in other engines", () => {
  for (const text of ["", "plain", "é\u2028🦀", "\ud800 alone", "ü".repeat(20_000)]) {
    assert.deepEqual(encoded(text), new TextEncoder().encode(text));
    assert.equal(decoded(encoded(text)), text.toWellFormed());
  }
  const tails = [[], [0x80], [0xbf], [0x41], [0xc3], [0xa0, 0x80], [0x90, 0x80, 0x80], [0xbf, 0xbf]];
  for (let first = 0; first < 256; first += 1) {
    for (const tail of tails) {
      const bytes = Uint8Array.from([0x78, first, ...tail, 0xff]);
      const expected = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
      assert.equal(decoded(bytes), expected, `${bytes}`);
    }
  }
});

test("requests have the given parts", () => {
  const text = (request) => new TextDecoder().decode(request.raw().body);
  const form = Request.post("app", "/x", { form: { a: "1 2", "b&": "é'" } });
  assert.equal(text(form), "a=1%202&b%26=%C3%A9%27");
  const get = Request.get("app", "/x", { query: { page: 2 }, headers: [["a", "1"], ["a", "2"]] });
  assert.deepEqual(get.raw().query, [["page", "2"]]);
  assert.deepEqual(get.raw().headers, [["a", "1"], ["a", "2"]]);
  assert.equal(get.raw().body, null);
  assert.equal(text(Request.put("app", "/x", { json: null })), "null");
  assert.equal(path("users", 7, "a/b!"), "/users/7/a%2Fb%21");
  assert.throws(() => path("users", ""), /an empty segment/);
  assert.throws(() => path("users", undefined), /an empty segment/);
});

test("responses are parsed, or refused as misconfigured", () => {
  const of = (body) => new Response(answer(200, body), "GET /x");
  assert.deepEqual(of('{"users":[1]}').entries("users"), [1]);
  assert.deepEqual(of("[1]").entries(""), [1]);
  assert.throws(() => of("{}").entries("users"), /answer to GET \/x has no list "users"/);
  assert.throws(() => of("<html>").json(), Misconfigured);
  assert.equal(idIn({ id: 7 }, "id"), "7");
  assert.throws(() => idIn({ id: "" }, "id"), /no id "id"/);
  const request = { method: "GET", path: "/x" };
  const unreachable = { request, response: { tag: "err", val: { tag: "timeout" } } };
  assert.throws(() => Response.of(unreachable), RetryLater);
});

test("attributes are found by their SCIM path", () => {
  const note = (_app, _context, event) => ({
    note: JSON.stringify([
      event.attribute("title"),
      event.attribute("name.givenName"),
      event.attribute("name.givenName.more") ?? null,
      event.attribute(`${ENTERPRISE}:department`),
      event.attribute("urn:other:department") ?? null,
      event.changed("name.familyName"),
      event.changed(`${ENTERPRISE}:department`),
      event.changed("department"),
    ]),
  });
  const expected = '["Lead","Ann",null,"R&D",null,true,true,false]';
  assert.equal(asked({ create: note }).val.note, expected);
});

test("settings that are not set have the manifest's defaults", () => {
  const manifest = {
    settings: {
      properties: {
        list: { default: "staff" },
        fields: { properties: { id: { default: "id" }, name: {} } },
        plain: {},
      },
    },
  };
  const note = (_app, { settings }) => ({ note: JSON.stringify(settings) });
  const given = { context: { settings: '{"fields":{"name":"n"}}' }, manifest };
  const expected = '{"fields":{"name":"n","id":"id"},"list":"staff"}';
  assert.equal(asked({ create: note }, given).val.note, expected);
});

test("groups have members with accounts and notes", () => {
  const member = { id: "u-1", name: "ann", account: { id: "7", membership: "active", data: "[1]" } };
  const given = {
    event: {
      kind: "group-create",
      subject: { tag: "group", val: { id: "g-1", displayName: "Crew", externalId: null } },
      joined: [member],
    },
  };
  const groupCreate = (_app, _context, { group, joined }) => ({
    account: { id: group.displayName, membership: "active", notes: joined[0].account.notes },
    note: "Made.",
    gone: true,
  });
  const { val } = asked({ groupCreate }, given);
  assert.deepEqual(val.account, { id: "Crew", membership: "active", data: "[1]" });
  assert.equal(val.visibility, "gone");
});

test("a request is made even if the handler catches the exception", () => {
  const create = (app) => {
    for (const number of [1, 2]) {
      try {
        app.send(Request.get("app", `/${number}`));
      } catch {
        // Catching it has no effect.
      }
    }
    return { note: "Done." };
  };
  assert.equal(asked({ create }).val.path, "/1");
});

test("an invalid handler or result is an error", () => {
  assert.throws(() => asked({ create: async () => {} }), /not be an async function/);
  assert.throws(() => asked({ create: () => {} }), /returns \{ account, note \}/);
  assert.throws(() => connector({ craete: () => {} }), /no handler "craete"/);
  const long = asked({ create: () => ({ note: "é".repeat(600) }) }).val.note;
  assert.equal(long, `${"é".repeat(510)}…`);
});
