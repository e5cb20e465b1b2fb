"""Whatever stands in a text of a record or in an argument, no terminal, log or document obeys it."""

import contextlib
import io
import json
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from local.demo import screen
from local.demo.stage import say_skipped
from p2c.__main__ import main
from p2c.commands.failures import FailedRecord, show_causes, show_failures
from p2c.commands.links import show_link
from p2c.commands.plan import show_plan
from p2c.estimate import estimate_of
from p2c.output import as_json, say, table, write_what_can_be_written
from p2c.plans import Found, as_markdown
from shared.operations.dry_run import summary_of
from shared.operations.examine import Examined, FieldChange
from shared.operations.failures import Cause
from shared.operations.side_by_side import FieldValues, SideBySide
from shared.state.failures import Failure
from shared.state.link_parts import LinkContent
from shared.state.link_targets import FormerTarget
from shared.state.links import Link, LinkState
from shared.sync.apply.outcome import Kind
from shared.sync.limits import Limits
from shared.systems import System
from shared.visible import has_half_pair, in_markdown, visible, visible_in_json, whole_characters
from tests.support.operator import put_together_once

MARKUP = ["[/b]", "[red]x[/red]", "[", "[/", "a [link=http://x]b", " ", "", "[bold", ":smile:"]
OBEYED = ["\x1b[31m", "\x9b31m", "\x00", "\x07", "a\rb", "a\nb", "a\tb", "\u202eabc", "\u2028", "\ud83d", "\x7f"]
TEXTS = st.text(st.characters(exclude_categories=[])) | st.sampled_from(MARKUP + OBEYED)
NOW = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with put_together_once():
        yield


def written(write: Callable[[], object]) -> str:
    """What arrives in a pipe."""
    pipe = io.BytesIO()
    stream = io.TextIOWrapper(pipe, encoding="utf-8", newline="\n")
    write_what_can_be_written(stream)
    with contextlib.redirect_stdout(stream):
        write()
    stream.flush()
    return pipe.getvalue().decode()


def is_tame(text: str) -> bool:
    """Whether nothing in it is obeyed, but line breaks between our own lines."""
    turning = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    return not any(
        unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") or each in turning for each in text.replace("\n", "")
    )


def failure(text: str) -> Failure:
    """A failure of which every text is this one."""
    return Failure("accounts", text, text, text, text, NOW, NOW, dismissed=text, number=text, value=text)


@given(TEXTS)
def test_a_line_shows_its_text_as_it_is_and_ends_where_it_ends(text: str) -> None:
    told = written(lambda: say(text))
    assert told == visible(text) + "\n"
    assert is_tame(told)


@given(TEXTS, TEXTS)
def test_a_table_shows_its_texts_as_they_are(heading: str, text: str) -> None:
    told = written(lambda: table(["", heading], [["x", text]], title=heading))
    assert is_tame(told)
    assert visible(text).strip() in told
    assert visible(heading).strip() in told


@given(TEXTS)
def test_every_report_survives_every_text_and_is_obeyed_in_nothing(text: str) -> None:
    of = failure(text)
    link = Link("accounts", text, target_key=text, rule=text, content=LinkContent({text: text}), waits=(text,),
                former=(FormerTarget(text, text),))  # fmt: skip
    examined = Examined(link, None, Kind.REJECTED, key=text, failure=of, changes=(FieldChange(text, text, Decimal(1)),))
    summary = summary_of([examined])
    values = FieldValues(text, text, text, Decimal(1), writes=True, changed_there=True)
    found = Found([examined], [SideBySide(text, (values,), is_looked_at=True)])
    estimate = estimate_of(Limits(), summary, [])

    def write() -> None:
        show_failures([FailedRecord(of, text, [text], [text])])
        show_causes([Cause("accounts", text, 1, of, NOW, NOW, {text: 1})])
        show_link(link)
        show_plan("accounts", summary, found, estimate, System.FINOPS)

    assert is_tame(written(write))
    assert is_tame(as_markdown("accounts", summary, found, estimate))


@given(TEXTS)
def test_json_is_the_same_document_and_obeyed_in_nothing(text: str) -> None:
    told = written(lambda: as_json({text: [text]}))
    assert json.loads(told) == {text: [text]}
    assert is_tame(told)


@given(TEXTS)
def test_the_demo_shows_every_text_as_it_is(text: str) -> None:
    file = io.StringIO()
    console = Console(file=file, width=10_000, force_terminal=False)
    screen.write_verbatim(console, text.replace("\n", " "))
    screen.write(console, f"x {text}")
    say_skipped(console, "Sales", [text])
    told = file.getvalue()
    assert is_tame(told)
    assert told.startswith(visible(text.replace("\n", " ")))


@given(TEXTS)
def test_markdown_of_a_text_is_one_line_without_markup(text: str) -> None:
    told = in_markdown(text)
    assert "\n" not in told
    assert is_tame(told)
    unescaped, at = "", 0
    while at < len(told):
        at += told[at] == "\\"
        assert told[at - 1] == "\\" or told[at] not in "`*_{}[]<>|~&#!"
        unescaped, at = unescaped + told[at], at + 1
    assert unescaped == visible(text)


def test_a_cell_of_a_plan_cannot_end_its_row_or_bring_html() -> None:
    change = FieldChange("name", "a|b\n| x |", "<b>[x](http://y)`")
    examined = Examined(Link("accounts", "a1"), None, Kind.UPDATED, key="A`1", changes=(change,))
    summary = summary_of([examined])
    values = FieldValues("name", "a|b\n| x |", "a", "<b>[x](http://y)`", writes=True, changed_there=True)
    found = Found([examined], [SideBySide("a1", (values,))])
    told = as_markdown("accounts", summary, found, estimate_of(Limits(), summary, []))
    assert r"| name | a\|b\\n\| x \| | a | \<b\>\[x\](http://y)\` |" in told.splitlines()
    assert r"## updated: A\`1" in told.splitlines()


@pytest.mark.parametrize("text", [*MARKUP, *OBEYED])
@pytest.mark.parametrize("command", [["failures"], ["links", "products"], ["explain"], ["status", "--lag"]])
def test_an_argument_is_never_markup(command: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, text, "x", "y"])
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@given(TEXTS)
def test_half_of_a_pair_is_written_as_its_number_and_everything_else_stays(text: str) -> None:
    told = whole_characters(text)
    assert told.encode().decode() == told
    assert (told != text) == has_half_pair(text)
    assert json.loads(visible_in_json(json.dumps(text, ensure_ascii=False))) == text


def test_the_state_of_a_link_is_shown_for_an_id_that_looks_like_markup() -> None:
    told = written(lambda: show_link(Link("products", "[/b]", state=LinkState.WRITTEN)))
    assert "[/b]" in told
