"""The templates fit each other, Azure's types and the code; each kind of mistake is found and named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.infra import checks
from tests.infra.checks import Check
from tests.infra.templates import ROOT, change, copied

CHECKS = [
    checks.templates,
    checks.settings,
    checks.schedules,
    checks.queues,
    checks.roles,
    checks.hardening,
    checks.azure_yaml,
    checks.host_json,
]

Mistake = Callable[[Path], None]


def mistake(file: str, old: str, new: str) -> Mistake:
    return lambda root: change(root / file, old, new)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_nothing_is_wrong_with_what_is_deployed(check: Check) -> None:
    assert check(ROOT) == []


@pytest.mark.parametrize(
    ("check", "make", "named"),
    [
        (
            checks.templates,
            mistake("infra/storage.bicep", "allowBlobPublicAccess:", "allowBlobPublicAcces:"),
            "'properties.allowBlobPublicAcces'",
        ),
        (
            checks.templates,
            mistake("infra/app.bicep", "Microsoft.Web/sites@2024-11-01", "Microsoft.Web/sites@2024-13-01"),
            "API version '2024-13-01'",
        ),
        (
            checks.templates,
            mistake("infra/app.bicep", "Microsoft.Web/serverfarms@", "Microsoft.Web/serverfarm@"),
            "'Microsoft.Web/serverfarm'",
        ),
        (checks.templates, mistake("infra/storage.bicep", "kind: 'StorageV2'", ""), "'kind' is missing"),
        (
            checks.templates,
            mistake("infra/app.bicep", "httpsOnly: true", "httpsOnly: 'yes'"),
            "'properties.httpsOnly' takes bool",
        ),
        (
            checks.templates,
            mistake("infra/storage.bicep", "'TLS1_2'", "'TLS9'"),
            "'properties.minimumTlsVersion' is 'TLS9'",
        ),
        (
            checks.templates,
            mistake("infra/network.bicep", "location: location", "location: locaton"),
            "'locaton' is not declared",
        ),
        (checks.templates, mistake("infra/access.bicep", "guid(storage.id", "gid(storage.id"), "the function 'gid'"),
        (
            checks.templates,
            mistake("infra/access.bicep", "identity.properties.clientId", "identity.properties.clientID"),
            "'properties.clientID'",
        ),
        (
            checks.templates,
            mistake("infra/main.bicep", "access.outputs.identityId", "access.outputs.identity"),
            "there is no 'identity'",
        ),
        (
            checks.templates,
            mistake("infra/main.bicep", "    dailyCapGb: dailyCapGb\n", ""),
            "does not give the parameter 'dailyCapGb'",
        ),
        (
            checks.templates,
            mistake("infra/main.bicep", "    retentionDays: retentionDays", "    retentionDay: retentionDays"),
            "'retentionDay', which is not declared",
        ),
        (
            checks.templates,
            mistake("infra/main.parameters.json", '"alertEmail"', '"alertMail"'),
            "'alertMail', which is not declared",
        ),
        (
            checks.templates,
            mistake("infra/alerts.bicep", "queries/lag.kql", "queries/lags.kql"),
            "there is no file 'queries/lags.kql'",
        ),
        (
            checks.templates,
            mistake("infra/storage.bicep", "sku: { name: redundancy }", "sku: { name: redundancy "),
            "syntax error",
        ),
        (
            checks.templates,
            mistake("infra/monitoring.bicep", "param tags object", "param tags object\nparam colour string = ''"),
            "'colour' is never used",
        ),
        (checks.settings, mistake("infra/main.bicep", "  PRODUCTS_SCOPE: ''\n", ""), "PRODUCTS_SCOPE"),
        (
            checks.settings,
            mistake("infra/app.bicep", "'00:05:00'", "''"),
            "AzureFunctionsJobHost__functionTimeout is ''",
        ),
        (
            checks.settings,
            mistake("infra/app.bicep", "    COMPANY: company\n", ""),
            "the app setting COMPANY is missing",
        ),
        (
            checks.settings,
            mistake("infra/app.bicep", "    COMPANY: company\n", "    COMPANY: company\n    COMPANIES: company\n"),
            "the app setting COMPANIES is not known",
        ),
        (checks.settings, mistake("infra/main.parameters.json", '"MAP_COUNTY": "${MAP_COUNTY}",', ""), "MAP_COUNTY"),
        (
            checks.settings,
            mistake("infra/app.bicep", "'30 * * * * *'", "'31 * * * * *'"),
            "SWEEP_SCHEDULE is '31 * * * * *'",
        ),
        (
            checks.schedules,
            mistake("infra/app.bicep", "    SWEEP_SCHEDULE: ", "    SWEEPS_SCHEDULE: "),
            "SWEEP_SCHEDULE is not set",
        ),
        (checks.queues, mistake("infra/storage.bicep", "'products', ", ""), "the queue products-hold is missing"),
        (checks.queues, mistake("infra/storage.bicep", "-hold'", "-held'"), "no code knows the queue accounts-held"),
        (checks.queues, mistake("infra/storage.bicep", ", 'control'", ""), "the table control is missing"),
        (
            checks.roles,
            mistake(
                "infra/access.bicep",
                "[blobDataOwner, queueDataContributor, tableDataContributor]",
                "[blobDataOwner, tableDataContributor]",
            ),
            "lacks Storage Queue Data Contributor",
        ),
        (checks.roles, mistake("infra/access.bicep", "  scope: storage\n", ""), "on the resource group has the role"),
        (
            checks.roles,
            mistake(
                "infra/access.bicep", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", "17d1049b-9a84-46fb-8f53-869881c3d3ab"
            ),
            "17d1049b-9a84-46fb-8f53-869881c3d3ab, which nothing needs",
        ),
        (
            checks.hardening,
            mistake("infra/storage.bicep", "allowSharedKeyAccess: false", "allowSharedKeyAccess: true"),
            "allowSharedKeyAccess of storage is True",
        ),
        (
            checks.hardening,
            mistake("infra/monitoring.bicep", "    DisableLocalAuth: true\n", ""),
            "DisableLocalAuth of applicationInsights is None",
        ),
        (checks.azure_yaml, mistake("azure.yaml", "host: function", "host: functions"), "'functions' is not one of"),
        (checks.azure_yaml, mistake("azure.yaml", "  sync:", "  sink:"), "the template tags ['sync']"),
        (checks.azure_yaml, mistake("azure.yaml", "infra:", "infrastructure:"), "'infrastructure' was unexpected"),
        (
            checks.host_json,
            mistake("host.json", '"batchSize": 4', '"batchSize": 64'),
            "64 is greater than the maximum of 32",
        ),
        (
            checks.host_json,
            mistake("host.json", '"maxDequeueCount"', '"maxDequeueCounts"'),
            "'maxDequeueCounts' was unexpected",
        ),
        (
            checks.host_json,
            mistake("host.json", '"Host.Results": "Information"', '"Host.Results": "Info"'),
            "'Info' is not one of",
        ),
    ],
)
def test_a_mistake_is_found_and_named(check: Check, make: Mistake, named: str, tmp_path: Path) -> None:
    root = copied(tmp_path)
    make(root)
    assert named in "\n".join(check(root))
