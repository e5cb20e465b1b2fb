"""A quote as Sales has it: all revisions of one number, each with its lines; which revision counts, and why a quote is
not for F&O."""

from collections.abc import Mapping, Sequence

from shared.flows.sales_documents.rows import CONTENT_FILTERS, headers_of
from shared.mapping.words import Unmappable
from shared.records import SourceRow, Values

HEADER_ID_COLUMN = "quoteid"
LINE_ID_COLUMN = "quotedetailid"
KEY_COLUMN = "quotenumber"

_DRAFT, _ACTIVE, _WON, _CLOSED = 0, 1, 2, 3
# Why a number has no active revision, by state and status reason: the first one that a revision has is shown.
ENDS: Mapping[str, tuple[int, int | None]] = {
    "draft": (_DRAFT, None),
    "won": (_WON, None),
    "lost": (_CLOSED, 5),
    "canceled": (_CLOSED, 6),
    "submitted": (_CLOSED, 647390000),
    "revised": (_CLOSED, 7),
}
# Every rule by which a quote is not for F&O.
FILTERS = (*ENDS, "closed", *CONTENT_FILTERS)


def latest_revision(row: SourceRow) -> str | None:
    """The id of the quote that has the number of a document now: of several its latest revision."""
    latest = max(headers_of(row), key=revision_number, default=None)
    return None if latest is None else id_of(latest)


def is_active(header: Values) -> bool:
    return header.get("statecode") == _ACTIVE


def revision_number(header: Values) -> int:
    number = header.get("revisionnumber")
    return number if isinstance(number, int) else 0


def id_of(header: Values) -> str:
    return str(header.get(HEADER_ID_COLUMN)).lower()


def ids_of(revisions: Sequence[Values]) -> dict[str, int]:
    return {id_of(revision): revision_number(revision) for revision in revisions}


def chosen_of(revisions: Sequence[Values]) -> Values | None:
    """The highest active revision."""
    return max(filter(is_active, revisions), key=revision_number, default=None)


def require_one_quote(chosen: Values, revisions: Sequence[Values]) -> None:
    """Revisions of one quote differ in their number. Two quotes with the same one would overwrite each other in
    turn."""
    number = revision_number(chosen)
    rivals = [revision for revision in revisions if is_active(revision) and revision_number(revision) == number]
    if len(rivals) > 1:
        ids = ", ".join(sorted(f"{rival.get('name')!r} ({rival.get(HEADER_ID_COLUMN)})" for rival in rivals))
        raise Unmappable(
            "number_ambiguous",
            f"{KEY_COLUMN} {chosen.get(KEY_COLUMN)} is the number of several active quotes of revision {number}: {ids}",
            remedy="close or delete all of these quotes but one",
        )


def why_none_is_active(revisions: Sequence[Values]) -> str:
    for rule, (state, reason) in ENDS.items():
        if any(
            revision.get("statecode") == state and reason in (None, revision.get("statuscode"))
            for revision in revisions
        ):
            return rule
    return "closed"
