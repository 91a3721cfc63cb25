"""Runs SCIM clients that are not ours against every tenant of a `muster dev`.

`check.py MUSTER AGENTIC` starts the binary once for each dialect below; AGENTIC is the component of
`tests/guests/agentic`. The run fails if any check does not succeed or is skipped.
"""

import json
import subprocess
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import with_scim2
import with_scim_client
import with_scim_sanity
import with_slack_scim

# The clients follow the RFCs, so they must also work with the strict dialect.
DIALECTS = ["generic", "strict"]

# scim-client sends members that no schema has, and slack-scim the schema of users with a group; the
# strict dialect refuses both.
LENIENT_ONLY = [
    ("slack-scim", with_slack_scim.walked),
    ("scim-client", with_scim_client.walked),
]

CLIENTS = [
    ("scim2-tester", with_scim2.tested),
    ("scim2", with_scim2.walked),
    ("scim-sanity", with_scim_sanity.probed),
]


def main(muster, agentic):
    wrong = []
    for dialect in DIALECTS:
        command = [muster, "dev", "--json", "--dialect", dialect]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host:
            try:
                ready = json.loads(host.stdout.readline())
                clients = CLIENTS + (LENIENT_ONLY if dialect != "strict" else [])
                for tenant in ready["tenants"]:
                    skip_unknown_members(ready["admin"], tenant["tenant"])
                    for name, client in clients:
                        wrong += reported(name, dialect, tenant, client(tenant))
                tenant = agentic_tenant(ready["admin"], agentic, dialect)
                needed = ["Agent"]
                checked = with_scim_sanity.probed(tenant, needed)
                wrong += reported("scim-sanity", dialect, tenant, checked)
            finally:
                host.terminate()
    print("\n".join(wrong))
    return 1 if wrong else 0


def reported(name, dialect, tenant, checked):
    """Prints what a client has checked; returns the failures with their place."""
    steps, failures = checked
    place = f"{name} ({tenant['connector']}, {dialect})"
    print(f"{place}: {steps} checks", flush=True)
    return [f"{place}: {it}" for it in failures or ([] if steps else ["nothing was checked"])]


def skip_unknown_members(admin, tenant):
    """scim-sanity adds a member who does not exist to a group, and expects success."""
    request(admin, "PATCH", f"/tenants/{tenant}", {"unknown_members": "skip"})


def agentic_tenant(admin, agentic, dialect):
    """A tenant whose connector declares agents and agentic applications, which clients may write."""
    with open(agentic, "rb") as component:
        request(admin, "POST", "/connectors", component.read())
    request(admin, "POST", "/apps", {"name": "agentic", "connector": "agentic"})
    tenant = {"id": "agentic", "app": "agentic", "dialect": dialect, "unknown_members": "skip"}
    made = request(admin, "POST", "/tenants", tenant)
    token = request(admin, "POST", "/tenants/agentic/tokens", {})
    return {"connector": "agentic", "base_url": made["base_url"], "token": token["token"]}


def request(admin, method, path, body):
    """A request to the admin API; bytes are sent as they are, all else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "application/wasm" if isinstance(body, bytes) else "application/json"
    headers = {"Authorization": f"Bearer {admin['token']}", "Content-Type": kind}
    try:
        with urlopen(Request(admin["base_url"] + path, data, headers, method=method)) as answer:
            return json.loads(answer.read())
    except HTTPError as error:
        raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from error


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
