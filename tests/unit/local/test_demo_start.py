"""What the demo checks before it starts anything: arguments, sample records, the folder that it keeps."""

import json
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.demo import environment, processes, report, samples
from local.demo.arguments import EXAMPLES, parse
from local.demo.clerk import Clerk
from local.demo.clerkscenes import dealt
from local.demo.configuration import read_configuration
from local.demo.errors import DemoFailed, UserMistake
from local.demo.logs import keep
from local.demo.memory import MANIFEST
from local.demo.run import how_to_continue, is_hasty, require_writable
from local.demo.state_dir import Place, free_ports, place
from local.demo.story import tell, told_by_turns
from shared.flows.invoices import INVOICES
from shared.flows.ordersback import ORDERSBACK
from shared.flows.registry import FLOWS
from shared.mapping.map_source import SHIPPED
from shared.mapping.units import sales_unit

SYSTEMS = ("dataverse", "finops")
FILES = frozenset({"accounts.jsonl", "contacts.jsonl"})


def test_every_option_is_read() -> None:
    options = parse(["--once", "--data", "d", "--report", "r", "--keep", "k", "--latency-ms", "50", "--timeout-s", "9"])
    assert (options.once, options.latency_ms, options.timeout_s, options.small) == (True, 50.0, 9.0, False)
    assert (options.data, options.report, options.keep) == (Path("d"), Path("r"), Path("k"))


@pytest.mark.parametrize(
    "wrong",
    [
        ["--latency-ms", "-1"],
        ["--latency-ms", "x"],
        ["--timeout-s", "0"],
        ["--onec"],
        ["--smal"],
        ["extra"],
        ["--keep", ""],
    ],
)
def test_an_argument_that_cannot_work_ends_with_code_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(wrong)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert wrong[0] in told
    assert (told.count("\n"), "usage" in told) == (1, False), "the reason in one sentence, and no list before it"
    example = re.search(r'for example: `make demo ARGS="(.+?)"`', told)
    assert example is not None
    assert parse(shlex.split(example[1]))


def test_every_option_that_takes_a_value_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    taking = re.findall(r"^  (--[\w-]+) (?:[A-Z]+|\{.+\})", capsys.readouterr().out, re.MULTILINE)
    assert sorted(EXAMPLES) == sorted(taking)
    for option, value in EXAMPLES.items():
        assert parse([option, value]).given == (option, value)


def test_what_an_argument_may_be_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--latency-ms", "soon"])
    assert "'soon' is not allowed; give 0 to 60000 milliseconds" in capsys.readouterr().err


def test_a_small_sample_and_its_pictures_are_asked_for() -> None:
    options = parse(["--small", "--picture", "a.svg", "--explain-picture", "b.svg"])
    assert (options.small, options.picture, options.explanation) == (True, Path("a.svg"), Path("b.svg"))


@pytest.mark.parametrize("option", ["--picture", "--explain-picture"])
def test_a_picture_that_cannot_be_written_is_refused_before_anything_starts(tmp_path: Path, option: str) -> None:
    for file, why in (
        (tmp_path / "none" / "a.svg", "there is no such folder"),
        (tmp_path, "Is a directory; name a file that can be written"),
    ):
        with pytest.raises(UserMistake, match=f"{option} {file}: {why}"):
            require_writable(parse([option, str(file)]))
    new, old = tmp_path / "new.svg", tmp_path / "old.svg"
    old.write_text("<svg/>", encoding="utf-8")
    for file in (new, old):
        require_writable(parse([option, str(file)]))
    assert not new.exists()
    assert old.read_text(encoding="utf-8") == "<svg/>"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that even root cannot write")
def test_a_picture_in_a_folder_that_cannot_be_written_is_refused_before_anything_starts() -> None:
    with pytest.raises(UserMistake, match=r"--picture /proc/a\.svg: .+; name a file that can be written"):
        require_writable(parse(["--picture", "/proc/a.svg"]))


def test_a_kept_demo_names_the_command_that_continues_it_with_all_its_options() -> None:
    told = how_to_continue(parse(["--small", "--pause-s", "60", "--keep", "my state"]))
    assert told.splitlines()[-1] == "  make demo ARGS=\"--small --pause-s 60 --keep 'my state'\""
    assert "Its state is kept" in told
    assert how_to_continue(parse([])) == "Start the demo again:\n  make demo"


def test_the_default_records_are_the_projects_own() -> None:
    assert parse([]).data.parts[-3:] == ("local", "data", "adventureworks")


def folder_of(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_folder_is_reported_by_its_known_files_only(tmp_path: Path) -> None:
    first = samples.check_folder(folder_of(tmp_path, accounts='{"a": 1}\n\n{"a": 2}\n'), FILES)
    assert samples.check_folder(folder_of(tmp_path, notes="not JSON"), FILES) == first
    assert samples.check_folder(folder_of(tmp_path, contacts="{}"), FILES) != first


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match=r"--data .*nowhere: there is no such folder"):
        samples.check_folder(tmp_path / "nowhere", FILES)


def test_a_folder_without_known_files_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match=r"none of its files is known; expected .*accounts\.jsonl"):
        samples.check_folder(folder_of(tmp_path, notes="{}"), FILES)


def test_records_in_utf_16_are_those_of_the_same_file_in_utf_8(tmp_path: Path) -> None:
    text = '{"name": "Stück"}\n'
    (tmp_path / "uomschedules.jsonl").write_bytes(text.encode("utf-16"))
    samples.check_folder(tmp_path, frozenset({"uomschedules.jsonl"}))
    assert samples.unit_group(tmp_path) == "Stück"


@pytest.mark.parametrize("line", ['{"a": ', "[1]", '{"a": NaN}', "text"])
def test_a_broken_line_is_named_by_file_and_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(UserMistake, match=r"accounts\.jsonl line 2 .*correct or remove it"):
        samples.check_folder(folder_of(tmp_path, accounts='{"a": 1}\n' + line), FILES)


CURRENCIES = "\n".join(
    f'{{"transactioncurrencyid": "{id}", "isocurrencycode": "{code}"}}' for id, code in (("1", "GBP"), ("2", "EUR"))
)


@pytest.mark.parametrize(
    ("lists", "wanted", "currency"),
    [
        ('{"_transactioncurrencyid_value": "1"}', None, "GBP"),
        ('{"_transactioncurrencyid_value": "9"}', None, "USD"),
        ('{"_transactioncurrencyid_value": "1"}\n{"_transactioncurrencyid_value": "2"}', "eur", "EUR"),
    ],
)
def test_the_price_lists_tell_the_currency_of_the_company(
    tmp_path: Path, lists: str, wanted: str | None, currency: str
) -> None:
    folder = folder_of(tmp_path, transactioncurrencies=CURRENCIES, pricelevels=lists, products="{}")
    assert samples.company_currency(folder, wanted) == currency


def test_a_currency_that_the_records_leave_open_is_asked_for(tmp_path: Path) -> None:
    lists = '{"_transactioncurrencyid_value": "1"}\n{"_transactioncurrencyid_value": "2"}'
    folder = folder_of(tmp_path, transactioncurrencies=CURRENCIES, pricelevels=lists, products="{}")
    with pytest.raises(UserMistake, match=r"price lists are in EUR, GBP; say with --currency"):
        samples.company_currency(folder, None)


def test_a_currency_that_finops_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match=r"--currency XXX: F&O does not have it"):
        samples.company_currency(tmp_path, "xxx")


@pytest.mark.parametrize(
    ("groups", "name"), [('{"name": "Ours"}', "Ours"), ("", None), ('{"name": "Ours"}\n{"name": "Theirs"}', None)]
)
def test_the_only_unit_group_of_the_records_is_found(tmp_path: Path, groups: str, name: str | None) -> None:
    assert samples.unit_group(folder_of(tmp_path, uomschedules=groups)) == name


def test_the_value_maps_go_with_the_unit_group_of_the_records() -> None:
    found = read_configuration({}, unit_group="Ours")
    assert FLOWS.read_map_document(found.value_maps).defaults.unit_group == "Ours"


def test_units_that_have_one_name_in_both_systems_are_paired(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path,
        uoms='{"name": "Piece"}\n{"name": "Can"}',
        fo_units='{"UnitSymbol": "PCS", "UnitDescription": "piece"}\n{"UnitSymbol": "X", "UnitDescription": "Crate"}',
    )
    assert samples.unit_pairs(folder) == {"PCS": "Piece"}


def test_the_value_maps_have_the_units_of_the_records_and_the_other_shipped_ones() -> None:
    maps = FLOWS.read_map_document(
        read_configuration({}, unit_group="Ours", units={"PCS": "Piece", "CAN": "Can"}).value_maps
    )
    assert [sales_unit(maps.units, symbol) for symbol in ("PCS", "CAN", "EA")] == ["Piece", "Can", "Each"]


def test_value_maps_that_the_user_has_named_are_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_bytes(SHIPPED.read_bytes())
    found = read_configuration({"MAP_DOCUMENT": str(own)}, unit_group="Ours")
    assert (found.value_maps, found.settings["MAP_DOCUMENT"]) == (None, str(own))


def test_a_mistake_in_the_settings_is_reported_before_anything_starts() -> None:
    with pytest.raises(UserMistake, match="PRODUCTS_WHEN_VANISHED"):
        read_configuration({"PRODUCTS_WHEN_VANISHED": "burn"})


def test_a_real_deployment_in_the_environment_does_not_matter() -> None:
    deployed = {
        "AzureWebJobsStorage__accountName": "contoso",
        "AzureWebJobsStorage__tableServiceUri": "https://contoso.table.core.windows.net",
        "DATAVERSE_URL": "no address",
        "COMPANY": "dat",
    }
    found = read_configuration(deployed)
    assert found.company == "dat"
    assert not {*found.settings} & {*deployed} - {"COMPANY"}
    assert any("DATAVERSE_URL is set in your environment and ignored" in note for note in found.notes)


def test_a_flow_that_the_user_has_switched_off_is_not_watched() -> None:
    assert [flow.name for flow in read_configuration({}).flows] == list(FLOWS.names)
    watched = [flow.name for flow in read_configuration({"ORDERS_BACK": "off", "INVOICES": "off"}).flows]
    assert watched == [name for name in FLOWS.names if name not in (ORDERSBACK, INVOICES)]


@pytest.mark.parametrize(
    ("currencies", "decimals"), [("", 2), ('{"currencyprecision": 4}', 4), ('{"currencyprecision": 4}\n{}', 2)]
)
def test_finops_rounds_amounts_as_the_currency_with_the_fewest_decimals(
    tmp_path: Path, currencies: str, decimals: int
) -> None:
    assert samples.amount_decimals(folder_of(tmp_path, transactioncurrencies=currencies)) == decimals


def test_the_same_orders_are_delivered_in_the_same_way_each_time_and_halved_where_they_can_be() -> None:
    numbers = [f"ORD-{number}" for number in range(16)]
    halvable = set(numbers[:8])
    courses = dict(dealt(numbers, halvable))
    assert courses == dict(dealt(numbers[::-1], halvable))
    assert {number for number, course in courses.items() if Clerk.invoice_half in course.then} & halvable
    assert len({id(course) for course in courses.values()}) == 8


def test_the_claims_of_a_killed_worker_end_sooner_where_one_is_killed() -> None:
    assert (read_configuration({}, hasty=True).claim_live_s, read_configuration({}).claim_live_s) == (55, 600)


@pytest.mark.parametrize(
    ("asked", "hasty"),
    [
        ([], True),
        (["--once"], False),
        (["--once", "--trust"], True),
        (["--keep", "d"], True),
        (["--once", "--keep", "d"], False),
        (["--keep", "d", "--latency-ms", "300"], False),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_the_claims_of_a_dead_process_hold_a_demo_up_for_55_seconds_or_ten_minutes(
    asked: list[str], hasty: bool
) -> None:
    options = parse(asked)
    assert is_hasty(options) == hasty
    assert read_configuration({}, hasty=is_hasty(options)).claim_live_s == (55 if hasty else 600)


@pytest.mark.parametrize(("records", "at_once"), [(0, 0), (12, 12), (50, 20), (700, 140)])
def test_no_more_records_change_at_once_than_the_flow_takes_unasked(records: int, at_once: int) -> None:
    assert read_configuration({}).may_change(records) == at_once


def test_scenes_are_shown_by_turns_and_the_trial_after_the_first_round() -> None:
    told: list[str] = []

    def stop() -> None:
        told.append("trial")
        raise KeyboardInterrupt

    scenes = told_by_turns([lambda: told.append("a1"), lambda: told.append("a2")], [lambda: told.append("p1")])
    with pytest.raises(KeyboardInterrupt):
        tell(scenes, 0, once=stop)
    assert told == ["a1", "p1", "a2", "trial"]


def opened(stack: ExitStack, keep: Path | None, data: str = "digest") -> Place:
    return stack.enter_context(place(keep, data=data, folder="records", systems=SYSTEMS))


def test_a_kept_folder_continues_with_its_ports_and_its_memory(tmp_path: Path) -> None:
    with ExitStack() as stack:
        first = opened(stack, tmp_path / "keep")
        first.memory.expect("accounts", {"1": "A1"})
        first.memory.before["accounts"] = ["B1"]
        first.memory.loaded = True
        first.save()
        ports = dict(first.memory.ports)
    with ExitStack() as stack:
        again = opened(stack, tmp_path / "keep")
        kept = again.memory
        assert (kept.ports, kept.keys, kept.before) == (ports, {"accounts": {"1": "A1"}}, {"accounts": ["B1"]})
        assert not again.fresh


def test_a_folder_whose_loading_was_cut_short_begins_again(tmp_path: Path) -> None:
    with ExitStack() as stack:
        (opened(stack, tmp_path / "keep").folder("dataverse") / "half").touch()
    with ExitStack() as stack:
        assert not (opened(stack, tmp_path / "keep").root / "dataverse").exists()


def test_without_a_folder_nothing_is_left() -> None:
    with ExitStack() as stack:
        root = opened(stack, None).root
        assert root.is_dir()
    assert not root.exists()


def test_the_logs_of_a_demo_that_gave_up_outlive_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with ExitStack() as stack:
        here = opened(stack, None)
        (here.folder("logs") / "functions-host.log").write_text("why", encoding="utf-8")
        logs = keep(here.folder("logs"))
    assert logs is not None
    assert (logs / "functions-host.log").read_text(encoding="utf-8") == "why"


def test_a_kept_folder_of_other_records_is_refused(tmp_path: Path) -> None:
    with ExitStack() as stack:
        opened(stack, tmp_path / "keep")
    with ExitStack() as stack, pytest.raises(UserMistake, match=r"was made with the records of records"):
        opened(stack, tmp_path / "keep", data="another digest")


def test_a_folder_with_other_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    with ExitStack() as stack, pytest.raises(UserMistake, match=r"holds letter\.txt but no earlier demo"):
        opened(stack, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("text", ["", "{}", '{"format": 99}', '{"format": 1}', '{"format": 2, "data": 5}'])
def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text, encoding="utf-8")
    with ExitStack() as stack, pytest.raises(UserMistake, match=r"demo\.json cannot be read"):
        opened(stack, tmp_path)


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with ExitStack() as stack:
        opened(stack, tmp_path)
        with pytest.raises(UserMistake, match=r"another demo runs in this folder"):
            opened(stack, tmp_path)


def test_a_keep_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with ExitStack() as stack, pytest.raises(UserMistake, match=r"--keep .*file"):
        opened(stack, tmp_path / "file")


def test_a_file_in_the_place_of_a_folder_is_reported_as_such_with_what_to_name(tmp_path: Path) -> None:
    (file := tmp_path / "file").touch()
    with ExitStack() as stack, pytest.raises(UserMistake, match=r"^--keep .*/file: is a file; name an empty or a new"):
        opened(stack, file)
    with pytest.raises(UserMistake, match=r"^--report .*/file: is a file; name a folder, which may be a new one\.$"):
        report.prepare(file)
    with pytest.raises(UserMistake, match=r"^--data .*/file: is a file; name a folder of \*\.jsonl files\.$"):
        samples.check_folder(file, FILES)


def test_a_port_that_is_taken_meanwhile_is_named(tmp_path: Path) -> None:
    with ExitStack() as stack:
        port = opened(stack, tmp_path).memory.ports["finops"]
    with ExitStack() as stack:
        other = stack.enter_context(socket.socket())
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(UserMistake, match=rf"port {port}, where this demo's finops was, is taken"):
            opened(stack, tmp_path)


def test_free_ports_are_all_different_and_none_of_those_that_connections_get() -> None:
    found = free_ports(5)
    assert len(set(found)) == 5
    # Linux gives connections those from 32768 on, macOS and Windows those from 49152 on.
    assert set(found) <= set(range(20_000, 32_768))


def test_a_port_that_somebody_has_is_not_chosen() -> None:
    first, second = free_ports(2, random.Random(7))
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        assert free_ports(1, random.Random(7)) == [second]


class OnlyOf(random.Random):
    """A chance that always falls on one of these."""

    def __init__(self, *these: int) -> None:
        super().__init__(0)
        self.these = these

    def sample(self, population: Any, k: int, *, counts: Any = None) -> list[Any]:
        return self.choices(self.these, k=k)


def test_where_too_few_ports_are_free_the_demo_says_what_helps() -> None:
    with socket.socket() as one, socket.socket() as another:
        for other in (one, another):
            other.bind(("127.0.0.1", 0))
        taken = OnlyOf(one.getsockname()[1], another.getsockname()[1])
        with pytest.raises(DemoFailed) as failed:
            free_ports(1, taken)
    assert str(failed.value) == (
        "fewer than 1 of 100 ports of 127.0.0.1 from 20000 to 32767 are free; end programs that listen on such ports, "
        "then start the demo again"
    )


def test_what_the_user_has_set_beats_the_quick_schedule_but_not_our_addresses() -> None:
    given = {"ACCOUNTS_SCHEDULE": "0 * * * * *", "FINOPS_URL": "https://real.operations.dynamics.com", "HOME": "/h"}
    own = {"FINOPS_URL": "http://127.0.0.1:1"}
    found = environment.app_settings(own, given, frozenset({"ACCOUNTS_SCHEDULE", "FINOPS_URL"}))
    assert found["ACCOUNTS_SCHEDULE"] == "0 * * * * *"
    assert found["FINOPS_URL"] == "http://127.0.0.1:1"
    assert "HOME" not in found


def test_no_child_learns_of_a_real_account() -> None:
    found = environment.child_environment({"AZURE_CLIENT_SECRET": "x", "FINOPS_URL": "https://real", "PATH": "/bin"})
    assert found["PATH"] == "/bin"
    assert not {"AZURE_CLIENT_SECRET", "FINOPS_URL"} & found.keys()


def test_a_private_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("old", encoding="utf-8")
    file = environment.write_private(tmp_path / "key", "new")
    assert (file.read_text(encoding="utf-8"), file.stat().st_mode & 0o077) == ("new", 0)


def started(tmp_path: Path, module: str, *arguments: str) -> AbstractContextManager[processes.Child]:
    return processes.running("child", module, arguments, log=tmp_path / "log")


@pytest.mark.process
def test_a_child_that_refuses_its_arguments_is_quoted_to_the_user(tmp_path: Path) -> None:
    with ExitStack() as stack:
        child = stack.enter_context(started(tmp_path, "local.finops", "--port", "0"))
        with pytest.raises(UserMistake, match=r"Give either --token FIXED or"):
            child.wait_for(tmp_path / "never")


@pytest.mark.process
def test_a_child_that_dies_shows_its_last_lines(tmp_path: Path) -> None:
    with ExitStack() as stack:
        child = stack.enter_context(started(tmp_path, "local.no_such_module"))
        with pytest.raises(DemoFailed, match=r"stopped by itself \(exit code 1\)(?s:.*)No module named"):
            child.wait_for(tmp_path / "never")


@pytest.mark.process
def test_a_child_ends_with_the_block(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with started(tmp_path, "local.finops", "--port", "0", "--token", "t", "--ready-file", str(ready)) as child:
        child.wait_for(ready)
        assert child.process.poll() is None
    assert child.process.poll() == 0


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_child_ends_when_whoever_started_it_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = (
        "import sys, pathlib\n"
        "from local.demo import processes\n"
        f"ready = pathlib.Path({str(ready)!r})\n"
        "arguments = ['--port', '0', '--token', 't', '--ready-file', str(ready)]\n"
        "log = ready.with_name('log')\n"
        "with processes.running('child', 'local.finops', arguments, log=log) as child:\n"
        "    child.wait_for(ready)\n"
        "    print(child.pid, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=processes.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    with parent.stdin, parent.stdout:
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert is_gone(pid, within_s=10)


def is_gone(pid: int, *, within_s: float) -> bool:
    try:
        process = psutil.Process(pid)
        process.wait(within_s)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return process.status() == psutil.STATUS_ZOMBIE
    return True


@pytest.mark.parametrize(
    ("companies", "company", "refused"),
    [
        (["usmf"], "usmf", False),
        (["USMF", "demf"], "usmf", False),
        ([], "demf", False),
        ([None], "demf", False),
        (["usmf"], "demf", True),
    ],
)
def test_records_whose_products_all_belong_to_other_companies_are_refused_before_anything_starts(
    companies: list[str | None], company: str, refused: bool, tmp_path: Path
) -> None:
    rows = [{"ProductNumber": "P1"} if name is None else {"dataAreaId": name} for name in companies]
    (tmp_path / "products.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    told = pytest.raises(UserMistake, match=r"COMPANY=demf: .* belong to usmf; unset COMPANY")
    with told if refused else nullcontext():
        samples.require_company(tmp_path, company)
