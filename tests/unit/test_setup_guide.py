"""The setup guide says what the code needs: settings, tables and rights, commands, figures."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest

from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.finops.environment import FinopsSystem
from shared.clients.http.channel import Channel
from shared.clients.http.origin import Origin
from shared.exact_json import loads
from shared.flows.registry import FLOWS
from shared.flows.spec import Systems
from shared.records import Json
from shared.settings import settings_table
from shared.state.control import Control
from shared.state.failures import failure_key
from shared.state.links import link_key
from shared.state.owners import Owners
from shared.state.storage.account import TABLES
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Put, Row
from shared.sync.flow import Flow, Route, Tracked
from shared.systems import System
from tests.infra.names import functions
from tests.infra.roles import ROLES
from tests.kql.alerts import alerts
from tests.support.clock import ManualClock

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "setup.md").read_text(encoding="utf-8")
SCHEMAS = ROOT / "local" / "schemas"
DATAVERSE, FINOPS = "https://contoso.crm4.dynamics.com", "https://contoso.operations.dynamics.com"
RIGHTS = ("Create", "Read", "Write", "Delete", "Append", "Append To")


def part(name: str) -> list[dict[str, str]]:
    """A table of the guide between its marks, row by row."""
    found = re.search(rf"<!-- privileges: {name} -->\n(.*?)<!-- /privileges -->", GUIDE, re.DOTALL)
    assert found is not None
    return rows_of(found[1])


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of a table, by the names of its columns."""
    lines = [[cell.strip().strip("`") for cell in line.strip()[1:-1].split("|")] for line in text.strip().splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:] if len(line) > 1]


def table_after(heading: str, text: str) -> list[dict[str, str]]:
    """The first table under a heading."""
    found = re.search(rf"^{re.escape(heading)}$.*?^(\|.*?)(?:\n\n|\Z)", text, re.DOTALL | re.MULTILINE)
    assert found is not None, heading
    return rows_of(found[1])


@cache
def constants() -> frozenset[str]:
    """Every text that stands in the code that the app runs; what operators do they do with their own rights."""
    files = [file for file in (ROOT / "shared").rglob("*.py") if "operations" not in file.parts]
    # One tree at a time: all together take 20 MB.
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in files)
    nodes = (node for tree in trees for node in ast.walk(tree))
    return frozenset(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def schema(name: str) -> dict[str, dict[str, Any]]:
    """The tables or collections of a system by entity set."""
    loaded = cast(dict[str, Any], loads((SCHEMAS / name).read_text(encoding="utf-8")))
    return {str(each["entity_set"]): each for each in loaded["entities"].values()}


class Recorder:
    """Stands in for the way to a system, and notes what is asked of which collection."""

    def __init__(self, origin: str) -> None:
        self.origin = Origin.parse(origin)
        self.clock = ManualClock()
        self.asked: list[tuple[str, str]] = []

    def read(self, url: str, *, subject: str, headers: Mapping[str, str] | None = None) -> dict[str, Json]:
        """Note a tracked or plain walk; nothing has changed."""
        self.asked.append((subject, (headers or {}).get("Prefer", "")))
        return {"value": [], "@odata.deltaLink": f"{url}&$deltatoken=1"}

    @staticmethod
    def gather_reads(tasks: Sequence[Callable[[], Json]]) -> list[Json]:
        """One read after the other."""
        return [task() for task in tasks]


def flows(**chosen: str) -> tuple[Mapping[str, Flow], Recorder]:
    """Every flow as a deployment has it, and what it asks of Sales."""
    environ = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "COMPANY": "usmf", **chosen}
    settings = FLOWS.read_settings({**environ, "DATAVERSE_URL": DATAVERSE, "FINOPS_URL": FINOPS})
    sales, finops = Recorder(DATAVERSE), Recorder(FINOPS)
    systems = DataverseSystem(cast(Channel, sales)), FinopsSystem(cast(Channel, finops), "usmf")
    return FLOWS.deployment(settings).wired(Systems(*systems, Owners(MemoryTable(ManualClock())))), sales


def commands() -> Iterator[str]:
    """Every command of the guide, on one line."""
    for block in re.findall(r"^ *```\n(.*?)^ *```", GUIDE, re.DOTALL | re.MULTILINE):
        yield from (line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip())


def entities() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Verb, table and cells of each command that writes a row."""
    for command in commands():
        found = re.search(r"az storage entity (insert|merge) .*--table-name (\w+).*--entity (.+)$", command)
        if found:
            yield found[1], found[2], dict(pair.split("=", 1) for pair in found[3].split())


# --- settings ---------------------------------------------------------------------------------------------------------


def test_every_setting_that_the_guide_names_exists() -> None:
    release = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    variables = set(re.findall(r"vars\.(\w+)", release))
    template = (ROOT / "infra" / "main.parameters.json").read_text(encoding="utf-8")
    variables |= set(re.findall(r"\$\{(\w+)\}", template))
    known = {name for name, *_ in settings_table(FLOWS.settings)} | variables | {"..._ON_EXISTING"}
    named = set(re.findall(r"`(?:export )?([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`", GUIDE))
    named |= set(re.findall(r"azd env set ([A-Z_]+) [^V]", GUIDE))
    assert "ACCOUNTS_ON_EXISTING" in named
    assert sorted(named - known) == []


def test_every_value_that_the_guide_gives_a_setting_is_allowed() -> None:
    known = {name for name, *_ in settings_table(FLOWS.settings)}
    given = {(name, value) for name, value in re.findall(r"\b([A-Z]+(?:_[A-Z]+)+)=([\w.:/-]+)", GUIDE) if name in known}
    base = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "COMPANY": "usmf"}
    base |= {"DATAVERSE_URL": DATAVERSE, "FINOPS_URL": FINOPS}
    assert ("ACCOUNTS_PARTY_NUMBER", "finops") in given
    for name, value in given:
        FLOWS.read_settings({**base, name: value})


def test_every_variable_of_the_release_is_explained() -> None:
    release = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    assert [name for name in set(re.findall(r"vars\.(\w+)", release)) if f"`{name}`" not in GUIDE] == []


# --- rights -----------------------------------------------------------------------------------------------------------


def used_tables() -> set[str]:
    """Entity sets of Sales that the code names, or reaches through a column that only they have."""
    words = {word for text in constants() for word in re.findall(r"\w+", text)}
    return {
        name for name, value in schema("dataverse-schema.json").items() if name in words or value["primary_id"] in words
    }


def test_the_tables_in_the_role_for_sales_are_those_that_the_code_uses() -> None:
    assert sorted(row["entity set"] for row in part("dataverse")) == sorted(used_tables())


def test_the_role_for_sales_names_each_table_as_the_schema_does() -> None:
    tables = schema("dataverse-schema.json")
    assert [row["table"] for row in part("dataverse")] == [
        tables[row["entity set"]]["logical_name"] for row in part("dataverse")
    ]


def test_every_table_may_be_read() -> None:
    assert {row["Read"] for row in part("dataverse")} == {"yes"}


def test_only_tables_that_the_code_writes_may_be_written() -> None:
    every = flows()[0]
    updated = {route.entity for flow in every.values() for route in flow.routes.values() if route.updates}
    target = every["products"].route("product").target
    records = cast(Any, target)._records
    documents = [
        cast(Any, every["invoices"].route("invoice").target),
        cast(Any, every["ordersback"].route("order").target),
    ]
    of_documents = [table for target in documents for table in (target._headers.table, target._lines.table)]
    written = {table.entity_set: table for table in (records.table, records.detail.table, *of_documents)}
    # Price list items that are out of date, copies that a conversion of orders makes, and lines that F&O has removed.
    removed = {
        records.detail.table.entity_set,
        documents[0]._headers.table.entity_set,
        documents[1]._lines.table.entity_set,
    }
    for row in part("dataverse"):
        rights = {right for right in RIGHTS if row[right]} - {"Read", "Append To"}
        may_create = {"Create", "Write", "Append"} if row["entity set"] in written else set()
        assert rights - {"Delete"} == may_create | ({"Write"} if row["entity set"] in updated else set())
        assert ("Delete" in rights) == (row["entity set"] in removed)
    looked_up = {name for table in written.values() for name in table.lookups.values()}
    assert {row["entity set"] for row in part("dataverse") if row["Append To"]} == looked_up


def test_change_tracking_is_asked_for_where_the_flows_follow_changes() -> None:
    built, sales = flows()
    for flow in built.values():
        if isinstance(flow.feed, Tracked):
            for source in (flow.feed.source, *flow.feed.further.values()):
                source.track_changes()
    tracked = {subject for subject, prefer in sales.asked if "track-changes" in prefer}
    logical = {value["logical_name"]: name for name, value in schema("dataverse-schema.json").items()}
    listed = table_after("### 2.4 Change tracking", GUIDE)
    assert {logical[row["table"]] for row in listed} == tracked
    assert {row["flow"] for row in listed} == {name for name, flow in built.items() if isinstance(flow.feed, Tracked)}


def test_the_collections_in_the_role_for_finops_are_those_that_the_code_uses() -> None:
    # A field of customers has the name of a collection that nothing reads.
    used = (set(schema("finops-schema.json")) & constants()) - {"PaymentTerms"}
    assert sorted(row["collection"] for row in part("finops")) == sorted(used)


def headers_of(routes: Iterable[Route]) -> set[str]:
    return {route.entity for route in routes}


def lines_of(routes: Iterable[Route]) -> set[str]:
    return {cast(Any, route.target)._lines.entity_set for route in routes if route.document}


def test_only_collections_that_the_flows_write_may_be_written_in_finops() -> None:
    # Either collection takes the lines of orders.
    every = [*flows()[0].values(), *flows(ORDERS_LINES="CDSSalesOrderLinesV2")[0].values()]
    routes = [route for flow in every if flow.target_system is System.FINOPS for route in flow.routes.values()]
    changed = [route for route in routes if not route.once]
    rights = {row["collection"]: row for row in part("finops")}
    assert {name for name, row in rights.items() if row["create"]} == headers_of(routes) | lines_of(routes)
    assert {name for name, row in rights.items() if row["update"]} == headers_of(changed) | lines_of(changed)
    assert {name for name, row in rights.items() if row["delete"]} == lines_of(changed)
    assert {row["read"] for row in rights.values()} == {"yes"}


# --- commands ---------------------------------------------------------------------------------------------------------


def test_commands_reach_tables_of_the_app_by_the_operators_own_identity() -> None:
    reaching = [command for command in commands() if re.search(r"az storage (entity|table) ", command)]
    assert len(reaching) > 5
    assert [command for command in reaching if "--auth-mode login" not in command] == []
    assert set(re.findall(r"--table-name (\w+)", "\n".join(reaching))) <= set(TABLES)


def as_stored(cells: Mapping[str, str]) -> Row:
    """The row that the Azure CLI writes: a property without a type that is no number is a text."""
    kinds = {name.removesuffix("@odata.type"): cell for name, cell in cells.items() if name.endswith("@odata.type")}
    values = {name: cell for name, cell in cells.items() if name not in ("PartitionKey", "RowKey") and "@" not in name}
    typed = {name: value == "true" if kinds.get(name) == "Edm.Boolean" else value for name, value in values.items()}
    return Row(cells["PartitionKey"].replace("$flow", "accounts"), cells["RowKey"], typed)


def test_a_flow_without_a_row_is_resumed_by_the_command() -> None:
    verb, table, cells = next(entities())
    assert (verb, table) == ("insert", "control")
    assert "--if-exists merge" in next(command for command in commands() if "paused=false" in command)
    rows = MemoryTable(ManualClock())
    assert Control(rows).flow("accounts").paused
    rows.transact([Put(as_stored(cells))])
    assert not Control(rows).flow("accounts").paused


def test_a_flow_stays_paused_when_the_type_is_forgotten() -> None:
    _, _, cells = next(entities())
    rows = MemoryTable(ManualClock())
    rows.transact([Put(as_stored({name: cell for name, cell in cells.items() if "@" not in name}))])
    assert Control(rows).flow("accounts").paused


def test_a_truth_value_is_always_sent_with_its_type() -> None:
    writing = [cells for _, _, cells in entities() if "paused" in cells]
    assert len(writing) >= 2
    assert {cells.get("paused@odata.type") for cells in writing} == {"Edm.Boolean"}


def test_a_text_that_may_look_like_a_number_is_sent_as_a_text() -> None:
    for _, _, cells in entities():
        for name in {"accepted_walk", "NAME"} & cells.keys():
            assert cells[f"{name}@odata.type"] == "Edm.String"


def test_every_flow_is_resumed_by_the_command() -> None:
    loops = re.findall(r"for flow in (.+); do\n *(p2c resume|az storage entity insert)", GUIDE)
    assert [command for _, command in loops] == ["p2c resume", "az storage entity insert"]
    assert [sorted(flows.split()) for flows, _ in loops] == [sorted(FLOWS.names)] * 2


def test_rows_are_named_as_the_app_names_them() -> None:
    assert failure_key("ID") == "F|ID"
    assert link_key("ID") == "L|ID"
    assert "rows `L\\|ID`" in GUIDE
    assert "RowKey ge 'F|' and RowKey lt 'F}'" in GUIDE


def test_the_guide_names_every_function_of_the_app() -> None:
    names = functions()
    assert f"lists {len(names)} functions" in GUIDE
    assert [name for name in names if name.startswith("accounts") and f"`{name}`" not in GUIDE] == []


# --- figures ----------------------------------------------------------------------------------------------------------


def measured(flow: str, run: str, column: str) -> set[int]:
    """What docs/performance.md says of a run, at every latency."""
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    return {int(row[column].replace(",", "")) for row in table_after(f"### {flow}", text) if row["run"] == run}


def span(values: set[int]) -> str:
    """From the least to the greatest."""
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def test_the_requests_for_a_thousand_records_are_the_measured_ones() -> None:
    sent = {row["run"]: row["requests sent for 1,000 records (measured)"] for row in table_after("## 11. Costs", COSTS)}
    reads, unchanged = (measured("Accounts", run, "Sales reads") for run in ("first sync", "nothing changed"))
    assert sent["first sync of accounts"] == f"{span(reads)} reads"
    assert sent["accounts, nothing changed"] == f"{span(unchanged)} reads"
    read, written = (span(measured("Products", "first sync", f"Sales {each}")) for each in ("reads", "writes"))
    assert sent["first sync of products"] == f"{read} reads, {written} bulk writes"
    changed = span(measured("Products", "1 % changed", "Sales writes"))
    assert sent["products, 1 % changed"].startswith(f"{changed} bulk writes")


# The table of requests comes after that of prices.
COSTS = "## 11. Costs\n\n" + GUIDE[GUIDE.index("**Dataverse requests.**") :]


def test_the_estimate_adds_up() -> None:
    rows = table_after("## 11. Costs", GUIDE)
    items = {row["item"]: row["a month"] for row in rows}
    total = int(items.pop("**sum**").strip("*").removeprefix("about "))
    low, high = (sum(float(item.split(" to ")[place]) for item in items.values()) for place in (0, -1))
    assert low - 0.5 <= total <= high + 0.5


@pytest.mark.parametrize(
    ("item", "worked_out"),
    [
        ("idle execution time", (230_400 * 2 - 100_000) * 0.000026),
        ("work", 15_000 * 20 / 1000 * 2 * 0.000026),
        ("Blob Storage", 230_434 / 10_000 * 0.065 + 10 * 2 * 43_200 / 10_000 * 0.005),
        ("Table Storage", 4_600_000 / 10_000 * 0.00036 + 0.05),
        ("Queue Storage", (3_600_000 + 15_000 * 60) / 10_000 * 0.004),
        ("alerts", sum(1.5 if rule.every == timedelta(minutes=5) else 0.5 for rule in alerts().values())),
    ],
)
def test_an_item_of_the_estimate_follows_from_its_assumptions(item: str, worked_out: float) -> None:
    (shown,) = (row["a month"] for row in table_after("## 11. Costs", GUIDE) if row["item"] == item)
    assert float(shown) == pytest.approx(worked_out, abs=0.02)


def test_the_most_that_logs_cost_follows_from_their_rows() -> None:
    (shown,) = (row["a month"] for row in table_after("## 11. Costs", GUIDE) if row["item"] == "Log Analytics")
    rows = 230_434 * 4 + 43_200 * 6 + 15_000
    assert float(shown.split(" to ")[1]) == pytest.approx(rows / 1_000_000 * 2.76, abs=0.02)


def test_the_condition_of_the_pipeline_allows_the_roles_of_the_templates_and_no_other() -> None:
    condition = (ROOT / "infra" / "pipeline-condition.txt").read_text(encoding="utf-8")
    guid = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    allowed = re.findall(r"RoleDefinitionId\] ForAnyOfAnyValues:GuidEquals \{([^}]+)\}", condition)
    assert len(allowed) == 2, "one for giving, one for taking"
    given = {role for _, _, role in ROLES}
    assert [set(re.findall(guid, each)) for each in allowed] == [given, given]
    assert len(given) == 4
    assert all(f"roleAssignments/{deed}" in condition for deed in ("write", "delete"))
    assert "infra/pipeline-condition.txt" in GUIDE


def test_the_executions_of_the_estimate_are_those_of_the_default_schedules() -> None:
    schedules = {name: default for name, default, *_ in settings_table(FLOWS.settings) if name.endswith("_SCHEDULE")}
    in_a_month = {
        "0 * * * * *": 60 * 24 * 30,
        "30 * * * * *": 60 * 24 * 30,
        "0 */5 * * * *": 12 * 24 * 30,
        "0 */15 * * * *": 4 * 24 * 30,
        "0 0 3 * * *": 30,
        "0 0 4 * * 0": 4,
    }
    executions = sum(in_a_month[schedule] for schedule in schedules.values())
    assert f"{executions:,}" in GUIDE


# --- links ------------------------------------------------------------------------------------------------------------


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_every_link_leads_to_a_heading_that_exists() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([\w-]+))?\)", GUIDE)
    assert len(targets) > 20
    for file, anchor in targets:
        document = (ROOT / "docs" / file) if file else ROOT / "docs" / "setup.md"
        assert document.exists(), file
        headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in {_anchor(heading) for heading in headings}, f"{file}#{anchor}"


def test_every_file_that_the_guide_names_exists() -> None:
    written_by_the_reader = {"shared/mapping/contoso.json"}
    named = set(re.findall(r"`((?:shared|\.github)/[\w./-]+\.\w+)`", GUIDE)) - written_by_the_reader
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@cache
def texts() -> Mapping[str, str]:
    """What stands in the product's own code, by file: messages and comments."""
    patterns = ("shared/**/*.py", "p2c/*.py", "local/**/*.py", "infra/**/*.py", "infra/*.bicep", "*.py")
    files = [file for pattern in patterns for file in ROOT.glob(pattern)]
    return {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}


def test_every_section_that_a_message_names_exists() -> None:
    numbers = set(re.findall(r"^#+ ([\d.]*\d)\.? ", GUIDE, re.MULTILINE))
    naming = re.compile(r"(?:\bsection\([\"']|setup\.md, section )([\d.]*\d)")
    named = {number for text in texts().values() for number in naming.findall(text)}
    assert {"2.1", "3", "6", "7"} <= named
    assert sorted(named - numbers) == []


def test_a_message_names_a_document_by_its_path_and_its_section_as_such() -> None:
    bare = re.compile(r"\.md, \d|(?<![\w/-])setup\.md")
    assert [name for name, text in texts().items() if bare.search(text)] == []
