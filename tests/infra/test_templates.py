"""What is deployed fits the code; each kind of mistake is found and named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.infra import checks
from tests.infra.checks import Check
from tests.infra.derived import derived
from tests.infra.roles import ASSIGNMENTS, named_after_their_owner, roles
from tests.infra.snapshots import DEFAULT, NETWORK, Snapshot, change, copied, parameters_files, read_snapshot
from tests.support.project import ROOT

BOTH: list[Check] = [
    checks.settings,
    checks.schedules,
    checks.queues,
    checks.members,
    checks.hardening,
    checks.runtime,
    checks.tags,
    checks.one_group,
    named_after_their_owner,
]
Mistake = Callable[[Any], object]
SITE = "Microsoft.Web/sites"
SETTINGS = "Microsoft.Web/sites/config/appsettings"


def first(of: dict[str, Any], kind: str) -> dict[str, Any]:
    """The first resource of a type."""
    found: dict[str, Any] = next(body for body in of.values() if body["type"] == kind)
    return found


def drop(kind: str, name: str) -> Callable[[Snapshot], Snapshot]:
    """Take a resource out."""

    def dropped(snapshot: Snapshot) -> Snapshot:
        left = [resource.body for resource in snapshot.resources if (resource.kind, resource.name) != (kind, name)]
        assert len(left) < len(snapshot.resources)
        return Snapshot({**snapshot.content, "predictedResources": left})

    return dropped


@pytest.mark.parametrize("name", [DEFAULT, NETWORK])
@pytest.mark.parametrize("check", BOTH, ids=lambda check: check.__name__)
def test_nothing_is_wrong_with_what_is_deployed(check: Check, name: str) -> None:
    assert check(read_snapshot(name)) == []


def test_every_identity_has_the_roles_that_it_needs_and_no_other() -> None:
    assert roles(read_snapshot(NETWORK)) == []
    assert [found for found in roles(read_snapshot(DEFAULT)) if "operators" not in found] == []


def test_every_parameters_file_has_its_snapshot() -> None:
    assert {file.stem for file in parameters_files()} == {DEFAULT, NETWORK}
    for name in (DEFAULT, NETWORK):
        assert read_snapshot(name).content.get("diagnostics", []) == []


def test_lock_network_and_roles_of_operators_are_made_on_request_only() -> None:
    usual, whole = ({resource.kind for resource in read_snapshot(name).resources} for name in (DEFAULT, NETWORK))
    assert usual < whole
    assert {kind.partition("/")[0] for kind in whole - usual} == {"Microsoft.Network", "Microsoft.Authorization"}
    (lock,) = read_snapshot(NETWORK).of("Microsoft.Authorization/locks")
    storage = read_snapshot(NETWORK).one("Microsoft.Storage/storageAccounts")
    assert lock.id.startswith(f"{storage.id}/providers/")
    assert lock.properties["level"] == "CanNotDelete"


def test_former_statuses_of_the_timers_are_kept_for_a_day() -> None:
    service = read_snapshot(DEFAULT).one("Microsoft.Storage/storageAccounts/blobServices")
    assert service.properties["deleteRetentionPolicy"] == {"enabled": True, "days": 1}


@pytest.mark.parametrize("path", sorted(derived()))
def test_a_file_that_names_flows_or_settings_follows_from_the_code(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == derived()[path], "run `make infra`"


def test_azd_can_give_every_setting_and_names_the_app_as_the_template_does() -> None:
    assert checks.parameters_file(ROOT) == []
    assert checks.azure_yaml(ROOT, read_snapshot(DEFAULT)) == []


def test_the_host_gets_a_file_of_its_form_with_the_time_limit_of_the_code() -> None:
    assert checks.host_json(ROOT) == []


@pytest.mark.parametrize(
    ("check", "mistake", "named"),
    [
        (checks.settings, lambda each: each[SETTINGS]["properties"].pop("PRODUCTS_SCOPE"), "PRODUCTS_SCOPE is missing"),
        (checks.settings, lambda each: each[SETTINGS]["properties"].update(COMPANIES="x"), "COMPANIES is not known"),
        (
            checks.settings,
            lambda each: each[SETTINGS]["properties"].update(SWEEP_SCHEDULE="31 * * * * *"),
            "SWEEP_SCHEDULE is '31 * * * * *'",
        ),
        (
            checks.settings,
            lambda each: each[SETTINGS]["properties"].update(AzureFunctionsJobHost__functionTimeout=""),
            "AzureFunctionsJobHost__functionTimeout is ''",
        ),
        (
            checks.schedules,
            lambda each: each[SETTINGS]["properties"].pop("SWEEP_SCHEDULE"),
            "SWEEP_SCHEDULE is not set",
        ),
        (
            checks.queues,
            lambda each: each["Microsoft.Storage/storageAccounts/queueServices/queues/accounts-hold"].update(
                name="a/b/accounts-held"
            ),
            "no code knows the queue accounts-held",
        ),
        (
            checks.queues,
            lambda each: each["Microsoft.Storage/storageAccounts/tableServices/tables/control"].update(
                name="a/b/controls"
            ),
            "the table control is missing",
        ),
        (
            checks.members,
            lambda each: first(each, "Microsoft.Web/serverfarms")["sku"].update(tier="FlexConsumptio"),
            "sku.tier of Microsoft.Web/serverfarms is 'FlexConsumptio'",
        ),
        (
            checks.members,
            lambda each: first(each, SITE)["properties"]["functionAppConfig"]["deployment"]["storage"].update(
                type="blob"
            ),
            "storage.type of Microsoft.Web/sites is 'blob'",
        ),
        (
            checks.hardening,
            lambda each: first(each, "Microsoft.Storage/storageAccounts")["properties"].update(
                allowSharedKeyAccess=True
            ),
            "allowSharedKeyAccess of Microsoft.Storage/storageAccounts is True",
        ),
        (
            checks.hardening,
            lambda each: first(each, "Microsoft.Insights/components")["properties"].pop("DisableLocalAuth"),
            "DisableLocalAuth of Microsoft.Insights/components is None",
        ),
        (
            checks.runtime,
            lambda each: first(each, SITE)["properties"]["functionAppConfig"]["runtime"].update(version="3.13"),
            "the site has Python '3.13'",
        ),
        (checks.tags, lambda each: first(each, SITE).update(tags={}), "has not the tag azd-env-name=contoso-test"),
        (checks.tags, lambda each: first(each, SITE).pop("tags"), "has no tags"),
        (
            checks.one_group,
            lambda each: first(each, SITE).update(id="/subscriptions/s/resourceGroups/other/providers/x"),
            "lies outside the resource group",
        ),
        (
            roles,
            lambda each: first(each, ASSIGNMENTS)["properties"].update(
                roleDefinitionId="x/17d1049b-9a84-46fb-8f53-869881c3d3ab"
            ),
            "17d1049b-9a84-46fb-8f53-869881c3d3ab, which nothing needs",
        ),
        (
            roles,
            lambda each: first(each, ASSIGNMENTS).update(
                id=f"/subscriptions/s/resourceGroups/rg/providers/{ASSIGNMENTS}/x"
            ),
            "on /subscriptions/s/resourceGroups/rg has the role",
        ),
        (
            named_after_their_owner,
            lambda each: first(each, ASSIGNMENTS).update(name="[guid('a', 'b')]"),
            "does not follow from the principal id",
        ),
    ],
)
def test_a_mistake_is_found_and_named(check: Check, mistake: Mistake, named: str) -> None:
    assert named in "\n".join(check(read_snapshot(NETWORK).changed(mistake)))


def test_a_role_that_is_missing_is_named() -> None:
    snapshot = read_snapshot(NETWORK)
    taken = next(each for each in snapshot.of(ASSIGNMENTS) if each.properties["principalType"] == "ServicePrincipal")
    left = [resource.body for resource in snapshot.resources if resource is not taken and resource.id != taken.id]
    (missing,) = roles(Snapshot({**snapshot.content, "predictedResources": left}))
    assert missing.startswith("access.bicep: app on")
    assert " lacks " in missing


def test_a_queue_that_is_missing_is_named() -> None:
    snapshot = drop("Microsoft.Storage/storageAccounts/queueServices/queues", "products-hold")(read_snapshot(DEFAULT))
    assert checks.queues(snapshot) == ["storage.bicep: the queue products-hold is missing; add it"]


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("main.parameters.json", '"MAP_COUNTY": "${MAP_COUNTY}",', "", "the setting MAP_COUNTY cannot be given"),
        ("main.parameters.json", '"${MAP_COUNTY}"', '"${MAP_COUNTRY}"', "MAP_COUNTY comes from ${MAP_COUNTRY}"),
        ("main.parameters.json", '"MAP_COUNTY"', '"MAP_COUNTIES"', "no code knows the setting MAP_COUNTIES"),
        ("main.parameters.json", '"alertEmail"', '"alertMail"', "alertMail is not declared"),
        ("main.bicep", "param lockStorage", "param lockAll", "lockAll of main.bicep is missing"),
    ],
)
def test_a_mistake_in_the_parameters_file_is_found_and_named(
    file: str, old: str, new: str, named: str, tmp_path: Path
) -> None:
    root = copied(tmp_path)
    change(root / "infra" / file, old, new)
    assert named in "\n".join(checks.parameters_file(root))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("host: function", "host: functions", "'functions' is not one of"),
        ("  sync:", "  sink:", "the template tags ['sync']"),
        ("infra:", "infrastructure:", "'infrastructure' was unexpected"),
        ("postup:", "afterup:", "'afterup' is not one of"),
        ("shell: sh", "shell: bash", "'bash' is not one of"),
    ],
)
def test_a_mistake_in_azure_yaml_is_found_and_named(old: str, new: str, named: str, tmp_path: Path) -> None:
    root = copied(tmp_path)
    change(root / "azure.yaml", old, new)
    assert named in "\n".join(checks.azure_yaml(root, read_snapshot(DEFAULT)))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"batchSize": 1', '"batchSize": 64', "64 is greater than the maximum of 32"),
        ('"maxDequeueCount"', '"maxDequeueCounts"', "'maxDequeueCounts' was unexpected"),
        ('"Host.Results": "Information"', '"Host.Results": "Info"', "'Info' is not one of"),
    ],
)
def test_a_mistake_in_host_json_is_found_and_named(old: str, new: str, named: str, tmp_path: Path) -> None:
    root = copied(tmp_path)
    change(root / "host.json", old, new)
    assert named in "\n".join(checks.host_json(root))
