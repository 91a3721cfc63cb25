"""Tests of what the example connector does not use. Run them with `python -m unittest discover`."""

import json
import unittest

from muster_connector import (
    Account,
    App,
    Connector,
    Context,
    Misconfigured,
    Outcome,
    Request,
    Response,
    RetryLater,
    User,
    UserEvent,
    id_in,
    path,
)
from muster_connector.app import Exchange, Waiting
from muster_connector.connector import completed, decide

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def answer(body: str, status: int = 200) -> Response:
    return Response("GET /x", status, [], body.encode())


def context(account: Account | None = None) -> Context:
    return Context("op-1", "acme", "2026-11-22T09:00:00Z", 7, {}, None, account, 0)


def event() -> UserEvent:
    user = User("u-1", "ann", None, None, None, None, None, True)
    text = {"title": "Lead", "name": {"givenName": "Ann"}, ENTERPRISE: {"department": "R&D"}}
    return UserEvent("create", ["name", f"{ENTERPRISE}:department"], json.dumps(text), user, None)


class Requests(unittest.TestCase):
    def test_have_the_given_parts(self) -> None:
        form = Request.post("app", "/x", form={"a": "1 2", "b&": "é'"})
        self.assertEqual(form.body, b"a=1%202&b%26=%C3%A9%27")
        self.assertEqual(Request.get("app", "/x", query={"page": 2}).query, [("page", "2")])
        self.assertEqual(Request.put("app", "/x", json={"n": "é"}).body, '{"n":"é"}'.encode())
        self.assertEqual(path("users", 7, "a/b!"), "/users/7/a%2Fb%21")
        with self.assertRaisesRegex(ValueError, "an empty segment"):
            path("users", "")


class Answers(unittest.TestCase):
    def test_are_parsed_or_refused_as_misconfigured(self) -> None:
        self.assertEqual(answer('{"users":[1]}').entries("users"), [1])
        self.assertEqual(answer("[1]").entries(""), [1])
        with self.assertRaisesRegex(Misconfigured, 'answer to GET /x has no list "users"'):
            answer("{}").entries("users")
        with self.assertRaises(Misconfigured):
            answer("<html>").json()
        self.assertEqual(id_in({"id": 7}, "id"), "7")
        with self.assertRaisesRegex(Misconfigured, 'no id "id"'):
            id_in({"id": ""}, "id")


class Events(unittest.TestCase):
    def test_have_attributes_by_their_scim_path(self) -> None:
        seen = event()
        self.assertEqual(seen.attribute("title"), "Lead")
        self.assertEqual(seen.attribute("name.givenName"), "Ann")
        self.assertIsNone(seen.attribute("name.givenName.more"))
        self.assertEqual(seen.attribute(f"{ENTERPRISE}:department"), "R&D")
        self.assertIsNone(seen.attribute("urn:other:department"))
        self.assertTrue(seen.changed("name.familyName"))
        self.assertTrue(seen.changed(f"{ENTERPRISE}:department"))
        self.assertFalse(seen.changed("department"))


class Settings(unittest.TestCase):
    def test_that_are_not_set_have_the_manifests_defaults(self) -> None:
        fields = {"properties": {"id": {"default": "id"}, "name": {}}}
        schema = {"properties": {"list": {"default": "staff"}, "fields": fields, "plain": {}}}
        made = completed(schema, {"fields": {"name": "n"}})
        self.assertEqual(made, {"list": "staff", "fields": {"name": "n", "id": "id"}})


class Decisions(unittest.TestCase):
    def test_make_a_request_even_if_the_method_catches_the_exception(self) -> None:
        class Stubborn(Connector):
            def create(self, app: App, context: Context, event: UserEvent) -> Outcome:
                for number in (1, 2):
                    try:
                        app.send(Request.get("app", f"/{number}"))
                    except Waiting:
                        pass
                return Outcome(None, "Done.")

        app = App([])
        decide(Stubborn(), app, context(), event())
        self.assertEqual(str(app.finish()), "GET /1")

    def test_retry_later_without_a_response(self) -> None:
        request = Request.get("app", "/x")
        with self.assertRaises(RetryLater):
            App([Exchange(request, "unreachable")]).ask(request)

    def test_leave_the_account_as_it_is_when_released(self) -> None:
        account = Account("7", "active", {"n": 1})
        released = Connector().release(App([]), context(account), event())
        self.assertEqual(released.account, account)

    def test_are_outcomes(self) -> None:
        class Forgetful(Connector):
            def create(self, app: App, context: Context, event: UserEvent) -> Outcome:
                return None  # type: ignore[return-value]

        with self.assertRaisesRegex(TypeError, "create must return an Outcome"):
            decide(Forgetful(), App([]), context(), event())


if __name__ == "__main__":
    unittest.main()
