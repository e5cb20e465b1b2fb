"""What the benchmarks reckon with: their records, their judgement of throttling, and where they write."""

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks import __main__, document, memory, operations
from benchmarks.flows import MEASURED
from benchmarks.limits import CORES, Bound, lowest_bound, machine_bound
from benchmarks.measuring import FIRST_SYNC, Compared, Measured
from benchmarks.medians import median_of
from benchmarks.naive import Naive
from benchmarks.records import lines_in, typical, write_samples
from benchmarks.storage_requests import StorageRequests
from benchmarks.throttling import Asked, Limit, read_exchanges, used_of
from benchmarks.walking import GeneratedSource
from benchmarks.way import Way, percentile, way_of
from local.demo.systems import Requests
from shared.clients.finops.source import PAGE_ROWS
from shared.records import SourceRow, WalkedRecord

LIMIT = Limit(requests=2, window_s=10.0)


def ids(folder: Path, name: str, column: str) -> list[str]:
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [str(json.loads(line)[column]) for line in lines]


def test_few_records_of_the_sample_belong_together(tmp_path: Path) -> None:
    write_samples(tmp_path, records=5)
    accounts = set(ids(tmp_path, "accounts", "accountid"))
    assert len(accounts) == len(ids(tmp_path, "quotes", "quoteid")) == len(ids(tmp_path, "contacts", "contactid")) == 5
    assert set(ids(tmp_path, "quotes", "_customerid_value")) <= accounts
    assert set(ids(tmp_path, "contacts", "_parentcustomerid_value")) <= accounts
    assert set(ids(tmp_path, "quotedetails", "_quoteid_value")) == set(ids(tmp_path, "quotes", "quoteid"))
    known = ids(tmp_path, "products_dataverse", "productid")
    numbers = dict(zip(known, ids(tmp_path, "products_dataverse", "productnumber"), strict=True))
    quoted = {numbers[id] for id in ids(tmp_path, "quotedetails", "_productid_value")}
    assert quoted <= set(ids(tmp_path, "products", "ProductNumber"))


def test_generated_records_stand_beside_the_sample_and_are_all_different(tmp_path: Path) -> None:
    write_samples(tmp_path, more_accounts=3, more_contacts=800)
    numbers, people = ids(tmp_path, "accounts", "accountnumber"), ids(tmp_path, "contacts", "contactid")
    assert (len(numbers), len(set(numbers))) == (704, 704)
    assert (len(people), len(set(people))) == (1553, 1553)
    assert set(ids(tmp_path, "contacts", "_parentcustomerid_value")) <= set(ids(tmp_path, "accounts", "accountid"))
    assert not (tmp_path / "contacts_individuals.jsonl").exists()


def test_generated_quotes_are_those_of_the_sample_in_turn_with_all_their_lines(tmp_path: Path) -> None:
    write_samples(tmp_path, records=5, more_quotes=7)
    quotes, of_lines = ids(tmp_path, "quotes", "quoteid"), ids(tmp_path, "quotedetails", "_quoteid_value")
    assert (len(quotes), len(set(quotes)), len(set(ids(tmp_path, "quotes", "quotenumber")))) == (12, 12, 12)
    lines = [of_lines.count(quote) for quote in quotes]
    assert lines == [*lines[:5], *lines[:5], *lines[:2]]
    assert len(set(ids(tmp_path, "quotedetails", "quotedetailid"))) == len(of_lines)
    customers = ids(tmp_path, "quotes", "_customerid_value")
    assert customers == [*customers[:5], *customers[:5], *customers[:2]]


def test_the_share_of_a_limit_is_that_of_whole_windows_after_the_warm_up() -> None:
    warm_up = [Asked(float(at), None) for at in range(20)]
    steady = [Asked(20.0, None), Asked(25.0, None), Asked(31.0, None), Asked(32.0, 5.0), Asked(40.0, None)]
    used = used_of([*warm_up, *steady], LIMIT)
    assert (used.accepted, used.refused, used.steady_refused) == (24, 1, 1)
    assert (used.windows, used.share) == ((2, 1), 0.75)


def test_a_request_within_an_announced_wait_is_early_unless_it_was_on_its_way() -> None:
    asked = [Asked(0.0, 10.0), Asked(0.5, 10.0), Asked(4.0, 10.0), Asked(20.0, 3.0)]
    assert used_of(asked, LIMIT).early == 1


def test_exchanges_are_read_in_the_order_of_their_times(tmp_path: Path) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    exchanges = [
        {"time": (begin + timedelta(seconds=2)).isoformat(), "status": 429, "response_headers": {"Retry-After": "7"}},
        {"time": begin.isoformat(), "status": 200, "response_headers": {}},
    ]
    (tmp_path / "log").write_text("".join(json.dumps(exchange) + "\n" for exchange in exchanges), encoding="utf-8")
    assert list(read_exchanges(tmp_path / "log")) == [Asked(0.0, None), Asked(2.0, 7.0)]


def test_the_lowest_bound_is_reported_with_its_cause() -> None:
    assert lowest_bound(100, 16, to_sales=0, to_finops=1, cpu_s=0.001) == Bound(160, "latency of F&O")
    assert lowest_bound(100, 24, to_sales=0, to_finops=1, cpu_s=0.001) == Bound(240, "latency of F&O")
    assert lowest_bound(0, 16, to_sales=1, to_finops=1, cpu_s=0.001).cause == "service protection"
    assert lowest_bound(0, 16, to_sales=0, to_finops=1, cpu_s=0.5).speed == 2


def test_all_cores_together_bound_what_the_whole_stage_takes_and_one_core_what_one_process_takes() -> None:
    assert machine_bound(0.02, 0.02 / CORES) == CORES / 0.02
    assert machine_bound(0.02, 0.02) == 1 / 0.02
    assert machine_bound(0.0, 0.0) == 0


def measured(seconds: float, cpu_s: float, reads: int) -> Measured:
    """A run of 100 records."""
    requests = Requests(reads, 100)
    return Measured(
        "accounts", 0.0, FIRST_SYNC, 100, seconds, requests, requests, reads, cpu_s, 2 * cpu_s, cpu_s, 8.0, 10.0
    )


def test_a_pull_reads_each_generated_record_once_and_finds_one_percent_of_them_changed() -> None:
    first, changed = (
        [record for page in pages_of(GeneratedSource(2 * PAGE_ROWS + 1, changed=changed)) for record in page]
        for changed in (False, True)
    )
    ids = [record.id for record in first]
    assert ids == sorted(set(ids)) == [record.id for record in changed]
    assert len(ids) == 2 * PAGE_ROWS + 1
    different = [before.id for before, after in zip(first, changed, strict=True) if before != after]
    assert different == ids[::100]


def pages_of(source: GeneratedSource) -> Iterator[Sequence[WalkedRecord]]:
    after = None
    while True:
        page = source.walk(after)
        yield page.records
        if page.last is None:
            return
        after = page.last


def test_the_memory_of_a_first_sync_is_told_beside_what_it_has_created() -> None:
    first = replace(measured(3.0, 0.1, 7), outcomes={"created": 99, "unchanged": 1})
    assert memory.row(first) == ("100", "99", "3", "8", "10")


def test_the_median_of_several_runs_is_taken_figure_by_figure() -> None:
    runs = [measured(3.0, 0.1, 7), measured(1.0, 0.3, 9), measured(2.0, 0.2, 8)]
    loops = [Naive(10, 1.0), Naive(0, 0.0), Naive(0, 0.0)]
    same = [Compared("accounts", (run,), loop, None, 0.0) for run, loop in zip(runs, loops, strict=True)]
    assert median_of(same) == Compared("accounts", (measured(2.0, 0.2, 8),), loops[0], None, 0.0)


@pytest.mark.parametrize(
    ("committed_s", "arrived_s", "way"),
    [
        # Behind the tick at 10 s, which finds it 1.5 s after it was committed.
        (8.5, 10.75, Way(0.75, 2.25)),
        (10.0, 10.5, Way(0.5, 0.5)),
        # A pull that had begun before has met it.
        (8.5, 9.0, Way(0.0, 0.5)),
    ],
)
def test_the_way_of_a_change_begins_with_the_tick_that_can_find_it(
    committed_s: float, arrived_s: float, way: Way
) -> None:
    assert way_of(committed_s, arrived_s, 2) == way


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile(values[:1], 0.95)) == (50.0, 95.0, 100.0)


def test_figures_replace_what_stood_between_their_markers(tmp_path: Path) -> None:
    file = tmp_path / "figures.md"
    file.write_text("before\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nafter\n", encoding="utf-8")
    document.write(file, "x", ["new"])
    assert file.read_text(encoding="utf-8") == "before\n<!-- bench:x -->\nnew\n<!-- /bench:x -->\nafter\n"


def test_the_tables_of_a_document_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "figures.md"
    file.write_text("<!-- bench:x -->\n<!-- /bench:x -->\n", encoding="utf-8")
    one = document.table(("latency", "SDK loop"), [("0 ms", ""), ("50 ms", "1,143")])
    document.write(file, "x", ["Measured.", "", *one, "", *document.table(("what",), [("this",)])])
    assert document.tables(file, "x") == [
        [{"latency": "0 ms", "SDK loop": ""}, {"latency": "50 ms", "SDK loop": "1,143"}],
        [{"what": "this"}],
    ]


def test_figures_tell_how_quick_the_machine_was_and_how_busy() -> None:
    told = document.machine()

    (rounds,) = re.findall(r", (\d+) million rounds/s", told)
    assert int(rounds) > 0
    assert "load before" in told or not hasattr(os, "getloadavg")


@pytest.mark.parametrize("run", [__main__.main, operations.main])
def test_a_document_without_a_place_for_the_figures_is_refused_before_anything_is_measured(
    run: Callable[[Sequence[str]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.md"
    file.touch()
    assert run(["--write", str(file)]) == 2
    assert f"--write {file}: it has no <!-- bench:" in capsys.readouterr().err


def test_the_document_of_the_project_has_a_place_for_every_figure() -> None:
    document.require_places(
        document.DOCUMENT, [*MEASURED, "throttling", "snapshot", "operations", "processor", "way", "memory", "console"]
    )


@pytest.mark.parametrize(
    ("count", "ids"), [(1, ["c"]), (2, ["b", "d"]), (5, ["a", "b", "c", "d", "e"]), (9, ["a", "b", "c", "d", "e"])]
)
def test_a_loop_of_few_documents_takes_short_and_long_ones(count: int, ids: list[str]) -> None:
    lengths = {"e": 40, "c": 3, "a": 1, "d": 9, "b": 2}
    rows = [SourceRow(id, None, {"lines": [{"number": "1"}] * length}) for id, length in lengths.items()]
    assert typical(rows, count) == ids
    assert typical([], count) == []


def test_lines_are_counted_also_behind_the_revisions_of_a_document() -> None:
    assert lines_in({"number": "1"}) == 0
    assert lines_in({"number": "1", "lines": [{"quantity": 1}, {"quantity": 2}]}) == 2
    assert lines_in({"revisions": [{"lines": [{"quantity": 1}, {"quantity": 2}]}, {"lines": [{"quantity": 3}]}]}) == 3


def test_no_records_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        __main__.main(["--records", "0"])
    assert "'0' is not a whole number from 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("request_line", "counts"),
    [
        ("POST /devstoreaccount1/$batch HTTP/1.1", 1),
        ("POST /devstoreaccount1/links HTTP/1.1", 1),
        ("GET /devstoreaccount1/links(PartitionKey='accounts',RowKey='L%7Ca') HTTP/1.1", 1),
        ("GET /devstoreaccount1/keys()?$top=10 HTTP/1.1", 1),
        ("PUT /devstoreaccount1/control(PartitionKey='accounts',RowKey='flow') HTTP/1.1", 1),
        ("GET /devstoreaccount1/runs()?$top=10 HTTP/1.1", 0),
        ("GET /devstoreaccount1/control()?$top=10 HTTP/1.1", 0),
        ("POST /devstoreaccount1/accounts/messages?visibilitytimeout=0 HTTP/1.1", 0),
        ("PUT /devstoreaccount1/azure-webjobs-hosts/links HTTP/1.1", 0),
    ],
)
def test_requests_to_tables_are_counted_but_for_reads_that_the_measurement_makes(
    request_line: str, counts: int
) -> None:
    requests = StorageRequests()
    requests.note(f'127.0.0.1 - - [29/Nov/2026:14:31:57 +0000] "{request_line}" 200 -')
    assert requests.total == counts
