"""Checks a tenant by scim2-tester, and creates, changes and deletes a user and a group by scim2-cli."""

import json
import os
import subprocess
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import ResourceType, Schema, ScimProvider, ServiceProviderConfig
from scim2_tester import Status, check_server

# A server may differ from recommendations of the RFCs and still comply.
GOOD = {Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE}


def tested(tenant):
    """Runs every check of scim2-tester; returns their number and the failures."""
    headers = {"Authorization": f"Bearer {tenant['token']}"}
    with Client(base_url=tenant["base_url"], headers=headers) as http:
        client = SyncSCIMClient(http)
        client.provider = described(client, tenant["connector"])
        results = check_server(client)
    wrong = []
    for it in results:
        if it.status not in GOOD and not is_deliberate(it):
            wrong.append(f"{it.status.name} {it.title} ({it.resource_type}): {it.reason}")
    return len(results), wrong


def is_deliberate(result):
    """A person is active or not, so a removal of `active` keeps the state; strictly it is refused."""
    return result.title == "check_remove_attribute" and "attribute 'active'" in str(result.reason)


def described(client, connector):
    """The discovery documents of the server, with the `value` of `emails` marked as required.

    The tester creates users with required attributes only. The apps of all connectors except
    roster need an address, and their schemas say so.
    """
    schemas = client.query(Schema).resources
    for schema in schemas:
        for emails in (it for it in schema.attributes or [] if it.name == "emails"):
            needed = bool(emails.required)
            if needed != (connector != "roster"):
                raise SystemExit(f"{connector}: emails.required is {emails.required}")
            for part in emails.sub_attributes:
                part.required = needed and part.name == "value"
    resource_types = client.query(ResourceType).resources
    config = client.query(ServiceProviderConfig)
    return ScimProvider.from_discovery(schemas, resource_types, config)


def walked(tenant):
    """Creates, changes and deletes a user and a group by scim2; returns the steps and failures."""
    walk = Walk(tenant)
    address = f"client@{tenant['connector']}.example"
    user = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": address,
        "name": {"familyName": "Client", "givenName": "Real"},
        "emails": [{"type": "work", "value": address, "primary": True}],
    }
    user["id"] = walk.step(["create", "user"], user).get("id")
    found = walk.step(["query", "user", "--filter", f'userName eq "{address}"'])
    walk.expect(found.get("totalResults") == 1, "the new user is not found by its name")
    found = walk.step(["search", "user", "--filter", f'userName eq "{address}"', "--sort-by", "userName"])
    walk.expect(found.get("totalResults") == 1, "the new user is not found by a search")
    user["title"] = "Engineer"
    walk.step(["replace", "user"], user)
    walk.step(["modify", "user", user["id"], "replace", "title", "Director", "remove", "name.givenName"])
    now = walk.step(["query", "user", user["id"]])
    walk.expect(now.get("title") == "Director", "the title was not replaced")
    walk.expect("givenName" not in now.get("name", {}), "the given name was not removed")

    group = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Clients"}
    group["id"] = walk.step(["create", "group"], group).get("id")
    member = json.dumps([{"value": user["id"]}])
    walk.step(["modify", "group", group["id"], "add", "members", member])
    now = walk.step(["query", "group", group["id"]])
    members = [it["value"] for it in now.get("members", [])]
    walk.expect(members == [user["id"]], "the user is no member")
    walk.step(["modify", "group", group["id"], "remove", f'members[value eq "{user["id"]}"]'])
    now = walk.step(["query", "group", group["id"]])
    walk.expect(not now.get("members"), "the user is still a member")
    walk.step(["delete", "group", group["id"]])
    walk.step(["delete", "user", user["id"]])
    found = walk.step(["query", "user", "--filter", f'userName eq "{address}"'])
    walk.expect(found.get("totalResults") == 0, "the user is found after its end")
    return walk.steps, walk.wrong


class Walk:
    """A sequence of commands, with its failures."""

    def __init__(self, tenant):
        self.tenant, self.steps, self.wrong = tenant, 0, []

    def step(self, arguments, body=None):
        """Runs the command and returns its output as JSON."""
        environment = {
            **os.environ,
            "SCIM_CLI_URL": self.tenant["base_url"],
            "SCIM_CLI_HEADERS": f"Authorization: Bearer {self.tenant['token']}",
        }
        command = [os.path.join(os.path.dirname(sys.executable), "scim2"), *arguments]
        body = "" if body is None else json.dumps(body)
        done = subprocess.run(
            command, input=body, env=environment, capture_output=True, text=True, check=False
        )
        self.steps += 1
        if done.returncode != 0:
            self.wrong.append(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")
            return {}
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def expect(self, holds, otherwise):
        if not holds:
            self.wrong.append(otherwise)
