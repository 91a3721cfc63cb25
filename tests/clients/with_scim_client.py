"""Creates, finds, replaces and deletes a user by scim-client.

The client sends what it was made with: a `startIndex` of 0, and `meta`, `timezone` and a member
`extraFields` in each body.
"""

from urllib.error import HTTPError

from scim_client import SCIMClient
from scim_client.resources import User


def walked(tenant):
    """Returns the number of steps and the failures."""
    client = SCIMClient(base_url=tenant["base_url"], token=tenant["token"], max_retries=1)
    steps, wrong = 0, []

    def expect(holds, otherwise):
        nonlocal steps
        steps += 1
        if not holds:
            wrong.append(otherwise)

    address = f"scim-client@{tenant['connector']}.example"
    try:
        made = client.create_user(
            User(
                id="",
                external_id="17",
                user_name=address,
                active=True,
                name={"given_name": "Real", "family_name": "Client"},
                display_name="Real Client",
                emails=[{"value": address, "primary": True, "type": "work"}],
            )
        )
        expect(made.user_name == address and made.id, "the new user is not as it was sent")
        found = client.search_users(f'userName eq "{address}"')
        expect([it.id for it in found.resources] == [made.id], "the new user is not found")
        made.display_name = "Renamed"
        made.active = False
        client.update_user(made)
        now = client.read_user(made.id)
        expect(now.display_name == "Renamed" and not now.active, "the PUT was not carried out")
        client.delete_user(user=now)
        found = client.search_users(f'userName eq "{address}"')
        expect(found.total_results == 0, "the user is found after its end")
    except HTTPError as error:
        wrong.append(f"{error.code}: {error.read().decode()}")
    return steps, wrong
