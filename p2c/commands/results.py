"""The results of records in Sales: which are not written there, and why."""

from p2c.app import Json, MaybeFlow, app, connected
from p2c.output import as_json, say, say_indented, words
from shared.counting import counted
from shared.operations.results import UnwrittenResults, unwritten


@app.command(rich_help_panel="Inspect")
def results(flow: MaybeFlow = None, json: Json = False) -> None:
    """List the results of records that are not in their columns in Sales yet, by cause."""
    with connected() as to:
        flows, state = to.service.flows, to.service.state
        found = [unwritten(flows[name], state) for name in to.flows(flow)]
        if json:
            as_json(found)
            return
        named = [each for each in found if each.columns]
        for each in named:
            _show(each)
        if not named:
            say("No columns for results are named: `results` of the map document names them.")


def _show(of: UnwrittenResults) -> None:
    columns = ", ".join(f"{part} in {column}" for part, column in of.columns.items())
    say(f"{of.flow}: {columns}", style="bold")
    say_indented(f"written by the next sweep: {of.due}")
    if of.trouble:
        said = f" ({of.said})" if of.said else ""
        say_indented(f"delayed until {words(of.next_try)} UTC: {of.trouble}{said}")
    for each in of.refused:
        example = each.example
        say_indented(
            f"{counted(each.count, 'result')} refused: {each.cause}, the next try at {words(each.next_try)} UTC"
        )
        say_indented(f"for example {example.id}: {example.message}")
        say_indented(f"what helps: {example.remedy}; then `p2c retry {of.flow} --results`")
