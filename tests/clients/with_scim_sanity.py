"""Probes a tenant by scim-sanity: discovery, users, groups, search and errors, by the letter of the RFCs."""

import json
import os
import subprocess
import sys


def probed(tenant, needed=()):
    """Returns the number of checks and the failures. Checks of the resource types in `needed` must run."""
    command = [
        os.path.join(os.path.dirname(sys.executable), "scim-sanity"),
        *("probe", tenant["base_url"], "--token", tenant["token"]),
        *("--strict", "--json-output", "--i-accept-side-effects"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        results = json.loads(done.stdout)["results"]
    except (ValueError, KeyError):
        return 0, [f"no results: {done.stdout}{done.stderr}"]
    wrong = []
    for it in results:
        skipped = it["status"] == "skip" and any(name in it["name"] for name in needed)
        if it["status"] not in ("pass", "skip") or skipped:
            wrong.append(f"{it['status']} {it['phase']}: {it['name']}: {it.get('message')}")
    return len(results), wrong
