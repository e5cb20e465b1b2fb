"""Table and Queue Storage behave as the engine expects, and the in-memory doubles behave like them."""

import base64
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.data.tables import EdmType, EntityProperty, TableServiceClient
from azure.storage.queue import QueueClient
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from benchmarks.emulator import BY_KEYS
from local.azurite import Azurite
from shared.errors import RowConflict, RowTooLarge, StorageTrouble
from shared.state.snapshots import Sight, Snapshot, digest
from shared.state.storage.account import Account, Storage
from shared.state.storage.azure_tables import AzureTable
from shared.state.storage.memory import MemoryQueues, MemoryTable
from shared.state.storage.queues import Head, Queues
from shared.state.storage.ranges import PAGE
from shared.state.storage.tables import (
    LAST_KEY,
    MAX_TRANSACTION_ROWS,
    Cell,
    Delete,
    Foreign,
    Insert,
    Operation,
    Put,
    Replace,
    Row,
    Table,
    escape,
)
from shared.state.storage.transport import StorageTransport
from shared.state.storage.whole import read_whole
from shared.sync.hints import Hint, messages, read_message
from tests.support.clock import ManualClock
from tests.support.thinned import few_examples


@pytest.fixture(scope="session")
def azurite_by_keys() -> Iterator[Azurite]:
    """Azurite as the benchmarks run it."""
    with Azurite(node_options=BY_KEYS) as running:
        yield running


@pytest.fixture(params=["memory", "azurite", "azurite_by_keys"])
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """An empty table."""
    if request.param == "memory":
        yield MemoryTable(ManualClock())
        return
    with _new_table(request.getfixturevalue(request.param)) as made:
        yield made


@contextmanager
def _new_table(azurite: Azurite) -> Iterator[Table]:
    with (
        TableServiceClient.from_connection_string(azurite.connection_string, transport=StorageTransport()) as service,
        ThreadPoolExecutor(4) as readers,
        ThreadPoolExecutor(2) as writers,
    ):
        yield AzureTable(service.create_table(f"t{uuid.uuid4().hex}"), readers, writers)


@pytest.fixture(params=["memory", "azurite"])
def queues(request: pytest.FixtureRequest) -> Queues:
    """Queues with one empty queue, `accounts`."""
    if request.param == "memory":
        return MemoryQueues(ManualClock())
    storage = Storage(Account(request.getfixturevalue("azurite").connection_string))
    name = f"q{uuid.uuid4().hex}"
    storage.queues.create(name)
    return _Renamed(storage.queues, name)


class _Renamed:
    """Every queue name means one queue that no other test uses."""

    def __init__(self, queues: Any, name: str) -> None:
        self._queues, self._name = queues, name

    def send(self, _queue: str, body: str, *, delay_s: float = 0) -> None:
        self._queues.send(self._name, body, delay_s=delay_s)

    def receive(self, _queue: str, *, limit: int, invisible_s: float) -> Any:
        return self._queues.receive(self._name, limit=limit, invisible_s=invisible_s)

    def delete(self, _queue: str, message: Any) -> None:
        self._queues.delete(self._name, message)

    def depth(self, _queue: str) -> int:
        depth: int = self._queues.depth(self._name)
        return depth

    def head(self, _queue: str) -> Head | None:
        head: Head | None = self._queues.head(self._name)
        return head


def row(key: str, **cells: Cell) -> Row:
    """A row of partition p."""
    return Row("p", key, cells)


Step = Callable[[Table], Any]
"""Something that is done with a table, and what it tells."""
# Keys that begin alike, look like numbers, or stand at the ends of what a key can be.
_KEYS = st.sampled_from(["1", "01", "10", "9", "a", "A", "ab", "a ", "a!", "é", "😀", "\uffee", "L|1", "L|2", "L}"])
_PARTITIONS = st.sampled_from(["p", "p0", "q"])


def _transact(partition: str, changes: Mapping[str, type[Insert | Put | Delete]], number: int) -> Step:
    rows = {key: Row(partition, key, {"number": number}) for key in changes}

    def step(table: Table) -> object:
        try:
            return len(table.transact([changes[key](each) for key, each in rows.items()]))
        except RowConflict as conflict:
            return conflict.index

    return step


def _read(partition: str, keys: Sequence[str]) -> Step:
    return lambda table: {key: found.row for key, found in table.read(partition, keys).items()}


def _scan(partition: str, start: str, end: str, limit: int) -> Step:
    return lambda table: [each.row for each in table.scan(partition, start=start, end=end, limit=limit)]


def _whole(limit: int) -> Step:
    return lambda table: [each.row for each in table.whole(limit)]


_KINDS = st.sampled_from([Insert, Put, Put, Delete])
_STEPS = st.one_of(
    st.builds(_transact, _PARTITIONS, st.dictionaries(_KEYS, _KINDS, min_size=1, max_size=6), st.integers(0, 9)),
    st.builds(_read, _PARTITIONS, st.lists(_KEYS, min_size=1, max_size=12, unique=True)),
    st.builds(_scan, _PARTITIONS, _KEYS, _KEYS, st.integers(1, 4)),
    st.builds(_whole, st.integers(1, 9)),
)


def test_cells_of_every_type_survive(table: Table) -> None:
    cells: dict[str, Cell] = {
        "text": "Zürich 'n' Ωmega 😀",
        "number": -5,
        "flag": True,
        "time": datetime(2026, 7, 1, 12, 30, tzinfo=UTC),
        "packed": bytes(range(256)) * 250,
    }
    table.transact([Insert(row("a", **cells))])
    read = table.read("p", ["a"])["a"].row.cells
    assert read == cells
    assert {name: type(cell) for name, cell in read.items()} == {name: type(cell) for name, cell in cells.items()}


def test_a_snapshot_is_read_as_it_was_saved(table: Table) -> None:
    ids = [f"P{number}" for number in range(5000)]
    first = Snapshot(table, "products", "first")
    assert {first.note(id, digest("a")) for id in ids} == {Sight.NEW}
    assert first.save(finished=True)
    second = Snapshot(table, "products", "second")
    assert second.known == len(ids)
    assert {second.note(id, digest("a")) for id in ids[:2500]} == {Sight.SAME}
    assert second.save(finished=False)
    assert Snapshot(table, "products", "second").unseen == 2500


def test_a_key_with_forbidden_characters_survives_when_escaped(table: Table) -> None:
    key = escape("L|r|a/b\\c#d?e%f'g\x01\x7fé")
    table.transact([Insert(row(key))])
    assert list(table.read("p", [key])) == [key]
    assert [stored.row.key for stored in table.scan("p", start="L|", end="L}", limit=9)] == [key]


def test_reading_gives_the_rows_that_exist(table: Table) -> None:
    table.transact([Insert(row("a")), Insert(row("b"))])
    assert set(table.read("p", ["a", "b", "c"])) == {"a", "b"}
    assert table.read("q", ["a"]) == {}


def test_a_scan_is_ordered_bounded_and_half_open(table: Table) -> None:
    table.transact([Insert(row(key)) for key in ("L|c", "L|a", "F|x", "L|b", "W|y")])
    scanned = table.scan("p", start="L|", end="L}", limit=2)
    assert [stored.row.key for stored in scanned] == ["L|a", "L|b"]
    rest = table.scan("p", start=scanned[-1].row.key + " ", end="L}", limit=2)
    assert [stored.row.key for stored in rest] == ["L|c"]


def test_many_rows_are_read_as_a_range_and_none_is_missed(table: Table) -> None:
    table.transact([Insert(row(f"L|{number:03}")) for number in range(40)])
    wanted = [f"L|{number:03}" for number in range(10, 60, 3)]
    assert sorted(table.read("p", wanted)) == [key for key in wanted if key < "L|040"]


def test_a_range_of_more_rows_than_a_page_is_read_to_its_end(table: Table) -> None:
    keys = [f"L|{number:04}" for number in range(PAGE + 1)]
    for first in range(0, len(keys), MAX_TRANSACTION_ROWS):
        table.transact([Insert(row(key)) for key in keys[first : first + MAX_TRANSACTION_ROWS]])
    table.transact([Insert(Row("o", "L|0000", {})), Insert(Row("o", "M", {}))])
    scanned = table.scan("p", start="L|", end="L}", limit=2 * PAGE)
    assert [stored.row.key for stored in scanned] == keys


def test_keys_are_ordered_by_utf_16_and_none_comes_after_the_last(table: Table) -> None:
    keys = ["A", "a", "\u00e9", "\U0001f600", "\uff21"]
    table.transact([Insert(row(key)) for key in reversed(keys)])
    assert [stored.row.key for stored in table.scan("p", start=" ", end=LAST_KEY, limit=10)] == keys


def test_a_small_table_is_read_whole_and_written_by_the_versions_that_were_read(table: Table) -> None:
    table.transact([Insert(row("flow"))])
    table.transact([Insert(replace(row("gate"), partition="q"))])
    now = read_whole(table)
    assert set(now.read("p", ["flow", "gate"])) | set(now.read("q", ["flow", "gate"])) == {"flow", "gate"}
    read = now.read("q", ["gate"])["gate"]
    table.transact([Put(replace(row("gate"), partition="q"))])
    with pytest.raises(RowConflict):
        now.transact([Replace(read.row, read.etag)])


def test_an_etag_of_a_transaction_is_the_one_that_is_read(table: Table) -> None:
    etags = table.transact([Insert(row("a")), Insert(row("b"))])
    read = table.read("p", ["a", "b"])
    assert [read["a"].etag, read["b"].etag] == list(etags)


@pytest.mark.parametrize(
    ("operations", "index"),
    [
        ([Insert(row("new")), Insert(row("old"))], 1),
        ([Replace(row("old"), "W/\"datetime'2020-01-01T00%3A00%3A00.0000000Z'\"")], 0),
        ([Put(row("new")), Put(row("other")), Delete(row("missing"))], 2),
        ([Delete(row("old"), "W/\"datetime'2020-01-01T00%3A00%3A00.0000000Z'\"")], 0),
        ([Insert(row("new")), Replace(row("missing"), "W/\"datetime'2020-01-01T00%3A00%3A00.0000000Z'\"")], 1),
    ],
)
def test_a_conflict_names_its_operation_and_nothing_is_written(
    table: Table, operations: list[Operation], index: int
) -> None:
    table.transact([Insert(row("old", n=1))])
    with pytest.raises(RowConflict) as conflict:
        table.transact(operations)
    assert conflict.value.index == index
    assert set(table.read("p", ["old", "new", "other"])) == {"old"}


def test_of_many_transactions_a_conflict_keeps_its_own_from_being_applied_and_no_other(table: Table) -> None:
    table.transact([Insert(row("15")), Insert(row("40"))])
    operations = [[Insert(row(f"{first + number}")) for number in range(10)] for first in (10, 20, 30, 40, 50)]
    conflicts = table.transact_each(operations)
    assert [conflict and conflict.index for conflict in conflicts] == [5, None, None, 0, None]
    kept = {f"{number}" for first in (20, 30, 50) for number in range(first, first + 10)}
    assert set(table.read("p", [f"{number}" for number in range(10, 60)])) == {"15", "40", *kept}


def test_a_replaced_row_keeps_no_cell_of_its_earlier_version(table: Table) -> None:
    (etag,) = table.transact([Insert(row("a", n=1, m=2))])
    table.transact([Replace(row("a", n=3), etag)])
    assert table.read("p", ["a"])["a"].row.cells == {"n": 3}


@given(st.lists(_STEPS, min_size=10, max_size=40))
@few_examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_azurite_that_finds_rows_by_their_keys_answers_as_azurite_does(
    azurite: Azurite, azurite_by_keys: Azurite, steps: list[Step]
) -> None:
    with _new_table(azurite) as usual, _new_table(azurite_by_keys) as by_keys:
        for step in steps:
            assert step(by_keys) == step(usual)


def test_what_the_service_would_refuse_is_refused_before_sending(table: Table) -> None:
    with pytest.raises(RowTooLarge):
        table.transact([Insert(row("a", text="x" * 40_000))])


def test_a_message_is_taken_by_one_receiver_and_deleted_once(queues: Queues) -> None:
    assert queues.head("accounts") is None
    queues.send("accounts", "Grüße")
    head = queues.head("accounts")
    assert head is not None
    assert head.expires_at is None, "what we send never expires"
    (message,) = queues.receive("accounts", limit=32, invisible_s=60)
    assert message.body == "Grüße"
    assert queues.receive("accounts", limit=32, invisible_s=60) == []
    assert queues.depth("accounts") == 1
    queues.delete("accounts", message)
    queues.delete("accounts", message)
    assert queues.depth("accounts") == 0


def test_a_message_that_vanishes_says_when(azurite: Azurite) -> None:
    name, week = f"q{uuid.uuid4().hex}", timedelta(days=7)
    with QueueClient.from_connection_string(azurite.connection_string, name) as host:
        host.create_queue()
        host.send_message("the host's copy")
    queues = Storage(Account(azurite.connection_string)).queues
    head = queues.head(name)
    (message,) = queues.receive(name, limit=1, invisible_s=60)
    assert head is not None
    assert head.expires_at is not None
    assert abs(head.expires_at - head.put_at - week) < timedelta(minutes=1)
    assert message.expires_at == head.expires_at


def test_the_longest_message_of_hints_fits_a_queue_and_comes_back_as_it_was(azurite: Azurite) -> None:
    queues = Storage(Account(azurite.connection_string)).queues
    name = f"q{uuid.uuid4().hex}"
    queues.create(name)
    hints = [Hint('&<">é\uffff' * 12 + str(number), 2**63 - 1) for number in range(1000)]
    longest = next(messages("quotations", "r" * 32, hints, 1000, epoch="e" * 32))
    assert 58_000 < len(longest.to_body()) <= 64 * 1024
    queues.send(name, longest.to_body())
    (received,) = queues.receive(name, limit=1, invisible_s=60)
    assert read_message(received.body) == longest


def test_a_message_of_a_stranger_is_read_as_it_lies_there_and_holds_up_none_behind_it(azurite: Azurite) -> None:
    name = f"q{uuid.uuid4().hex}"
    bodies = ["no base64 <&> {", base64.b64encode(b"\xff\xfe").decode(), base64.b64encode("Grüße".encode()).decode()]
    with QueueClient.from_connection_string(azurite.connection_string, name) as stranger:
        stranger.create_queue()
        for body in bodies:
            stranger.send_message(body)
    queues = Storage(Account(azurite.connection_string)).queues
    assert queues.head(name) is not None
    received = queues.receive(name, limit=32, invisible_s=60)
    assert sorted(message.body for message in received) == sorted(bodies)


def test_half_of_a_surrogate_pair_is_kept_as_its_number(table: Table) -> None:
    table.transact([Insert(row(escape("a\ud83d"), text="a\ud83d b", whole="\N{GRINNING FACE}"))])
    stored = table.read("p", ["a=00D83D"])["a=00D83D"].row
    assert stored.cells == {"text": "a\\ud83d b", "whole": "\N{GRINNING FACE}"}


def test_a_cell_of_a_stranger_is_read_as_such_and_its_neighbours_as_they_are(azurite: Azurite) -> None:
    name = f"t{uuid.uuid4().hex}"
    with (
        TableServiceClient.from_connection_string(azurite.connection_string, transport=StorageTransport()) as service,
        ThreadPoolExecutor(4) as readers,
    ):
        client = service.create_table(name)
        strange = {"a": 1.5, "b": uuid.uuid4(), "c": EntityProperty(2**40, EdmType.INT64), "d": "text"}
        old = datetime(1601, 1, 1, tzinfo=UTC)
        client.create_entity({"PartitionKey": "p", "RowKey": "\N{GRINNING FACE}\uff01", **strange, "e": old})
        client.create_entity({"PartitionKey": "p", "RowKey": "z", "d": "text"})
        table = AzureTable(client, readers, readers)
        found = {stored.row.key: stored.row.cells for stored in table.scan("p", start=" ", end="\uffff", limit=9)}
        assert found["z"] == {"d": "text"}
        read = found["\N{GRINNING FACE}\uff01"]
        assert [type(read[cell]) for cell in "abcde"] == [Foreign, Foreign, Foreign, str, datetime]
        assert read["e"] == old
        stored = table.read("p", ["\N{GRINNING FACE}\uff01"])["\N{GRINNING FACE}\uff01"]
        table.transact([Delete(stored.row, stored.etag)])
        assert list(table.read("p", ["\N{GRINNING FACE}\uff01"])) == []


def test_a_delayed_message_is_not_visible_yet(queues: Queues) -> None:
    queues.send("accounts", "later", delay_s=60)
    assert queues.head("accounts") is None
    assert queues.receive("accounts", limit=1, invisible_s=60) == []
    assert queues.depth("accounts") == 1


def test_a_row_has_the_age_that_the_storage_clock_gives(azurite: Azurite) -> None:
    storage = Storage(Account(azurite.connection_string))
    storage.create(["accounts"])
    storage.create(["accounts"])
    table = storage.table("links")
    table.transact([Put(row("a"))])
    assert 0 <= table.read("p", ["a"])["a"].age_s < 30


def test_a_table_that_is_not_made_is_named_by_whatever_needs_it(azurite: Azurite) -> None:
    missing = Storage(Account(azurite.connection_string)).table("missing")
    needs: list[Callable[[], object]] = [
        lambda: missing.read("p", ["a"]),
        lambda: missing.read("p", ["a", "b", "c"]),
        lambda: missing.whole(1),
        lambda: missing.transact([Insert(row("a"))]),
        lambda: missing.transact([Put(row("a"))]),
        lambda: missing.transact([Replace(row("a"), 'W/"1"')]),
        lambda: missing.transact([Delete(row("a"))]),
        lambda: missing.transact([Insert(row("a")), Insert(row("b"))]),
    ]
    for need in needs:
        with pytest.raises(StorageTrouble, match=r"table missing of .*: it is not there"):
            need()


def test_an_unreachable_account_is_our_own_error() -> None:
    nowhere = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;TableEndpoint=http://127.0.0.1:1/a;"
    client = TableServiceClient.from_connection_string(nowhere, retry_total=0).get_table_client("links")
    with ThreadPoolExecutor(1) as readers, pytest.raises(StorageTrouble, match="did not answer"):
        AzureTable(client, readers, readers).read("p", ["a"])
