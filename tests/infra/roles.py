"""Who may do what in Azure: what each identity needs, and what the templates give it."""

import re
from collections.abc import Mapping

from tests.infra.snapshots import Resource, Snapshot

ROLES: Mapping[tuple[str, str, str], str] = {
    ("app", "storage account", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"): (
        "Storage Blob Data Owner: package and leases of the host"
    ),
    ("app", "storage account", "974c5e8b-45b9-4653-ba55-5f855dd0fb88"): (
        "Storage Queue Data Contributor: triggers, poison queues"
    ),
    ("app", "storage account", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"): "Storage Table Data Contributor: the state",
    ("app", "Application Insights", "3913510d-42f4-4e42-8a64-420c390055eb"): "Monitoring Metrics Publisher: telemetry",
    ("operators", "storage account", "974c5e8b-45b9-4653-ba55-5f855dd0fb88"): "Storage Queue Data Contributor: repairs",
    ("operators", "storage account", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"): "Storage Table Data Contributor: repairs",
}
"""What each identity needs, where, by the id of the role; and why."""
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
_SCOPES = {
    "Microsoft.Storage/storageAccounts": "storage account",
    "Microsoft.Insights/components": "Application Insights",
    "Microsoft.Resources/resourceGroups": "the resource group",
}


def roles(snapshot: Snapshot) -> list[str]:
    """Identities have the roles that they need and no other, each on one resource that is made here."""
    given = {_given(each, snapshot) for each in snapshot.of(ASSIGNMENTS)}
    missing = [
        f"access.bicep: {who} on {where} lacks {ROLES[who, where, role]}" for who, where, role in ROLES.keys() - given
    ]
    more = [
        f"access.bicep: {who} on {where} has the role {role}, which nothing needs"
        for who, where, role in given - ROLES.keys()
    ]
    return sorted(missing + more)


def _given(assignment: Resource, snapshot: Snapshot) -> tuple[str, str, str]:
    scope = _scope(assignment.id)
    where = next(
        (_SCOPES.get(resource.kind, resource.kind) for resource in snapshot.resources if resource.id == scope), scope
    )
    whom = "operators" if assignment.properties["principalType"] == "Group" else "app"
    return whom, where, assignment.properties["roleDefinitionId"].rpartition("/")[2]


def _scope(assignment: str) -> str:
    """What an assignment is for, by its id: an expression where only the deployment knows its name."""
    if on_a_resource := re.match(r"\[extensionResourceId\('([^']+)'", assignment):
        return on_a_resource[1]
    if on_the_group := re.match(r"\[resourceId\('([^']+)', '([^']+)', ", assignment):
        return f"/subscriptions/{on_the_group[1]}/resourceGroups/{on_the_group[2]}"
    return assignment.partition(f"/providers/{ASSIGNMENTS}/")[0]


def named_after_their_owner(snapshot: Snapshot) -> list[str]:
    """The name of an assignment follows from the object id of its owner: one that is made anew gets another name."""
    return [
        f"access.bicep: the name {each.name} does not follow from the principal id {each.properties['principalId']}"
        for each in snapshot.of(ASSIGNMENTS)
        if each.properties["principalType"] != "Group" and "principalId" not in str(each.body["name"])
    ]
