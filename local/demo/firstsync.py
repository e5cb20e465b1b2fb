"""Notes what existed before the first sync, and compares both systems when they are in step."""

from local.demo.comparison import compare, expected_keys
from local.demo.customers import kept_numbers
from local.demo.flows import Watched
from local.demo.progress_reader import ProgressReader
from local.demo.report import FlowResult, Result
from local.demo.session import Session
from local.demo.state_dir import Place
from local.demo.stocktaking import Standings
from local.demo.systems import Asked
from shared.records import Values, fold


def note_before(session: Session, place: Place, flows: tuple[Watched, ...]) -> None:
    """Remember which target records are there before the first sync: they are not ours."""
    before = place.memory.before
    for flow in flows:
        if flow.name not in before:
            before[flow.name] = sorted(key for key, _ in flow.targets(session.systems))
    place.save()


def result_of(
    session: Session, place: Place, flows: tuple[Watched, ...], standings: Standings, *, in_step: bool
) -> Result:
    """Compare both systems, and collect the result of the session. The expected keys are stored."""
    for flow in flows:
        for id, key in standings[flow.name].unlinked():
            place.memory.unlink(flow.name, id, key)
    results = {flow.name: _result(session, place, flow, standings[flow.name]) for flow in flows}
    counts = {name: counted.total for name, counted in session.counts().items()}
    return Result(results, in_step, session.peak_memory_mb, counts)


def _result(session: Session, place: Place, flow: Watched, reader: ProgressReader) -> FlowResult:
    verdicts = flow.verdicts(session.systems, kept_numbers(place.memory))
    account = reader.account_for(list(verdicts))
    past = flow.past(place.memory, verdicts, account.failures)
    targets = flow.targets(session.systems)
    comparison = compare(verdicts, targets, flow, past)
    expected = expected_keys(verdicts, past)
    # Of several records with one key only one got it; which one does not matter to the comparison.
    place.memory.expect(
        flow.name, {id: value.key for those in expected.values() if len(those) == 1 for id, value in those}
    )
    asked = {name: counted.of(flow.asked.get(name, Asked())) for name, counted in session.counts().items()}
    rows = [values for key, values in targets if fold(key) in expected]
    filled = {each.field: sum(_is_filled(flow, each.field, row) for row in rows) for each in flow.additions.fields}
    return FlowResult(reader.glance(), account, comparison, asked, flow.additions, filled)


def _is_filled(flow: Watched, field: str, row: Values) -> bool:
    return row.get(field) not in {None, flow.empty(field)}
