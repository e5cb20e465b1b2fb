"""No value of a setting that may be a secret ever stands in a message, whichever way a setting is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.host import errors as host_errors
from local.host.app_settings import read_local_settings
from local.host.host_json import parse_host_json
from local.host.schedule import Schedule
from shared.errors import SettingsInvalid
from shared.flows.registry import FLOWS
from shared.state.storage.account import Account, Storage
from tests.support.operator import p2c_in
from tests.support.secret import SECRETS, check_kept, check_untold
from tests.support.thinned import few_examples
from tests.unit.mapping.samples import document

NEEDED = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "DATAVERSE_URL": "https://contoso.crm4.dynamics.com",
    "FINOPS_URL": "https://contoso.operations.dynamics.com",
    "COMPANY": "usmf",
}
REFUSALS = (SettingsInvalid, host_errors.SettingsInvalid)

# How a secret gets into a setting that does not take it.
WRONG = st.sampled_from(
    [
        "{}",
        "https://user:{}@contoso.crm4.dynamics.com",
        "https://contoso.table.core.windows.net/?sv=1&sig={}",
        "https://contoso.queue.core.windows.net#{}",
        "https://{}:port",
        "http://{}",
        "AccountKey={}",
        "AccountName={};AccountKey=a2V5",
        "AccountName=contoso;AccountKey={}?",
        "AccountName=contoso;AccountKey=a2V5;TableEndpoint=https://contoso.queue.core.windows.net?sig={}",
        "SharedAccessSignature={}",
        "0 {} * * * *",
        "Created,{}",
        "/run/{}",
        '{{"defaults": "{}"}}',
        '{{"{}": 1',
    ]
)
# None of them is free to hold any text.
CHECKED = sorted(FLOWS.settings.model_fields.keys() - {"MAP_DOCUMENT", "AZURE_CLIENT_ID"})
MISSPELLED = ["DATAVERSE_URI", "ACCOUNTS_SHEDULE", "MAP_DOCUMENTS", "PULL_BUDGET"]


def refusal(call: Callable[[], object]) -> BaseException | None:
    """The error that refuses, None when nothing is refused."""
    try:
        call()
    except REFUSALS as refused:
        return refused
    return None


@given(st.sampled_from([*CHECKED, *MISSPELLED]), SECRETS, WRONG)
def test_a_setting_that_is_wrong_keeps_its_value(name: str, secret: str, wrong: str) -> None:
    refused = refusal(lambda: FLOWS.read_settings({**NEEDED, name: wrong.format(secret)}))
    if refused is None:
        assert name.startswith("AzureWebJobsStorage")  # A connection string without a key, or an address of no service.
    else:
        assert name in str(refused) or "AzureWebJobsStorage" in name
        check_untold(refused)


@given(SECRETS, WRONG)
def test_a_connection_string_that_the_storage_library_refuses_keeps_its_value(secret: str, wrong: str) -> None:
    refused = refusal(lambda: Storage(Account(connection_string=wrong.format(secret))))
    if refused is not None:
        assert "AzureWebJobsStorage" in str(refused)
        check_untold(refused)


VALUE = st.sampled_from(
    [
        lambda secret: secret,
        lambda secret: [secret],
        lambda secret: {secret: secret},
        lambda secret: {"US": {secret: secret}},
        lambda secret: {"Germany": "DE", "germany ": secret, secret: "DE"},
        lambda secret: [{"sales": secret, "finops": secret}, {"sales": secret, "finops": "x"}],
        lambda secret: [{"column": secret, "operator": secret, "value": [secret]}],
        lambda secret: {"accounts": {secret: secret}},
    ]
)


@given(st.sampled_from([*document(), "Values"]), SECRETS, VALUE)
def test_a_value_map_document_that_is_wrong_keeps_what_may_be_secret(
    part: str, secret: str, value: Callable[[str], object]
) -> None:
    text = json.dumps({**document(), part: value(secret)}, default=str)
    refused = refusal(lambda: FLOWS.read_map_document(text))
    if refused is not None:
        check_untold(refused)


def _damaged(secret: str, damage: str) -> bytes:
    """A settings file that holds a secret and cannot be used."""
    values: object = {**NEEDED, "AzureWebJobsStorage": secret, "ACCOUNTS_SHEDULE": secret}
    text = json.dumps({"IsEncrypted": False, "Values": values})
    match damage:
        case "no encoding":
            return text.encode() + b"\xe4"
        case "half of UTF-16":
            return text.encode("utf-16")[:-1]
        case "cut":
            return text[: text.index(secret) + len(secret)].encode()
        case "text":
            return json.dumps(secret).encode()
        case "list":
            return json.dumps([secret]).encode()
        case "values are a list":
            return json.dumps({"Values": [secret]}).encode()
        case "a value is a list":
            return json.dumps({"Values": {"AzureWebJobsStorage": [secret], secret: 1}}).encode()
        case "no JSON":
            return f"AzureWebJobsStorage={secret}\n".encode()
        case "control characters":
            return json.dumps({"Values": {"AzureWebJobsStorage": f"{secret}\0"}}).encode()
        case "encrypted":
            return json.dumps({"IsEncrypted": True, "Values": values}).encode()
    return text.encode()  # Only its values are wrong.


DAMAGES = st.sampled_from(
    ["no encoding", "half of UTF-16", "cut", "text", "list", "values are a list", "a value is a list", "no JSON",
     "control characters", "encrypted", "values"]
)  # fmt: skip


@given(SECRETS, DAMAGES, st.sampled_from(["plan", "status"]))
def test_the_command_line_keeps_what_stands_in_a_settings_file(secret: str, damage: str, command: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder, "local.settings.json")
        file.write_bytes(_damaged(secret, damage))
        arguments = ["plan", "accounts", "--without-state"] if command == "plan" else ["status"]
        ended = p2c_in({}, "--settings", str(file), *arguments)
    assert ended.exit_code == 2, ended.output
    check_kept(ended.output)


@given(SECRETS, DAMAGES)
def test_the_local_host_keeps_what_stands_in_a_settings_file(secret: str, damage: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder, "local.settings.json")
        file.write_bytes(_damaged(secret, damage))
        refused = refusal(lambda: read_local_settings(file).connection_string("Storage", where="the host"))
    assert refused is not None
    check_untold(refused)


@given(SECRETS, DAMAGES)
def test_a_path_to_a_file_full_of_secrets_shows_none_of_them(secret: str, damage: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder, "local.settings.json")
        file.write_bytes(_damaged(secret, damage))
        refused = refusal(lambda: FLOWS.read_map_document(str(file)))
    assert refused is not None
    assert "MAP_DOCUMENT" in str(refused)
    check_untold(refused)


@settings(deadline=None)
@given(SECRETS)
def test_a_secret_in_the_place_of_a_path_is_not_shown(secret: str) -> None:
    refused = refusal(lambda: FLOWS.read_map_document(secret))
    assert "the file that it names does not exist" in str(refused)
    assert refused is not None
    check_untold(refused)


@settings(deadline=None)
@given(SECRETS)
def test_what_the_local_host_refuses_by_itself_keeps_its_value(secret: str) -> None:
    overrides = {
        "AzureFunctionsJobHost__functionTimeout": secret,
        "AzureFunctionsJobHost__extensions__queues__batchSize": secret,
        "AzureFunctionsJobHost__logging__logLevel__default": secret,
    }
    for call in (lambda: parse_host_json({"version": "2.0"}, overrides), lambda: Schedule(f"0 0 0 0 {secret} *")):
        refused = refusal(call)
        assert refused is not None
        check_untold(refused)


@pytest.mark.parametrize("name", ["STORAGE_ACCOUNT_NAME", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE"])
@few_examples()
@given(SECRETS)
def test_the_command_line_keeps_what_stands_in_the_environment(name: str, secret: str) -> None:
    wrong = f"socks5://user:{secret}@proxy:1080" if name == "HTTPS_PROXY" else secret
    needed = {each: value for each, value in NEEDED.items() if each != "AzureWebJobsStorage"}
    chosen = {**needed, "STORAGE_ACCOUNT_NAME": "contoso", name: wrong}
    ended = p2c_in(chosen, "plan" if "PROXY" in name else "status", "accounts")
    assert ended.exit_code == 2, ended.output
    assert name in ended.output
    check_kept(ended.output)
