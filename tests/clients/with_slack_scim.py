"""Creates, changes and deletes a user and a group by slack-scim, which speaks SCIM 1.1."""

from slack_scim import SCIMApiError, SCIMClient

CORE = ["urn:scim:schemas:core:1.0"]


def walked(tenant):
    """Returns the number of steps and the failures."""
    base_url = tenant["base_url"].replace("/scim/v2", "/scim/v1")
    client = SCIMClient(token=tenant["token"], base_url=base_url)
    steps, wrong = 0, []

    def expect(holds, otherwise):
        nonlocal steps
        steps += 1
        if not holds:
            wrong.append(otherwise)

    try:
        config = client.get_service_provider_configs()
        expect(config.patch.supported, "PATCH is not offered")
        address = f"slack@{tenant['connector']}.example"
        user = {
            "schemas": CORE,
            "userName": address,
            "name": {"givenName": "Real", "familyName": "Client"},
            "emails": [{"value": address, "primary": True, "type": "work"}],
        }
        made = client.create_user(user)
        expect(made.user_name == address and made.active, "the new user is not as it was sent")
        found = client.search_users(filter=f'userName eq "{address}"', count=1, start_index=1)
        expect(found.total_results == 1, "the new user is not found by its name")
        client.patch_user(made.id, {"schemas": CORE, "title": "Engineer", "active": False})
        now = client.read_user(made.id)
        expect(now.title == "Engineer" and now.active is False, "the PATCH was not carried out")
        client.update_user(made.id, {**user, "id": made.id, "title": "Director", "active": True})
        now = client.read_user(made.id)
        expect(now.title == "Director" and now.active, "the PUT was not carried out")

        group = {"schemas": CORE, "displayName": "Slack", "members": [{"value": made.id}]}
        team = client.create_group(group)
        members = [it.value for it in client.read_group(team.id).members]
        expect(members == [made.id], "the user is no member")
        left = {"schemas": CORE, "members": [{"value": made.id, "operation": "delete"}]}
        client.patch_group(team.id, left)
        expect(not client.read_group(team.id).members, "the user is still a member")
        client.update_group(team.id, {**group, "id": team.id, "displayName": "Renamed"})
        found = client.search_groups(filter='displayName eq "Renamed"', count=1, start_index=1)
        expect(found.total_results == 1, "the renamed group is not found")
        client.delete_group(team.id)
        client.delete_user(made.id)
        found = client.search_users(filter=f'userName eq "{address}"', count=1, start_index=1)
        expect(found.total_results == 0, "the user is found after its end")
    except SCIMApiError as error:
        wrong.append(f"{error.status}: {error.errors}")
    return steps, wrong
