"""The quotations flow as seen by the demo: quotes with their lines, and their result in F&O."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from local.demo.behaviors import read_behaviors
from local.demo.customers import read_customers
from local.demo.documents import Documents, DocumentsOfFinops, DocumentView, Knows, headers_of, is_filtered
from local.demo.flows import Kept, Systems, Watched
from local.demo.systems import DATAVERSE, FINOPS, Asked
from shared.flows.quotations import QUOTATIONS, quote_rows
from shared.flows.quotations import mapping as quotations
from shared.flows.quotations.mapping import QuotationMapper
from shared.flows.quotations.wiring import quotation_mapper
from shared.flows.spec import Deployment
from shared.mapping.verdicts import Filtered, Known, Verdict
from shared.records import SourceRow, Values

ACTIVE, CLOSED = 1, 3
_DRAFT = "draft"
# A quote that was closed was active before: its quotation may be in F&O, and stays there.
_OVER = (*(rule for rule in quote_rows.ENDS if rule != _DRAFT), "closed")


def watched_quotations(deployment: Deployment) -> Watched:
    """The flow with the user's settings. Raises SettingsInvalid for a wrong map document."""
    mapper, company, of = quotation_mapper(deployment), deployment.company, quotations
    target = DocumentsOfFinops.of(mapper, of.TARGET_SET, of.TARGET_LINE_SET, of.KEY_FIELD, company)
    return Watched(
        name=QUOTATIONS,
        mapper=mapper,
        source=Documents(mapper),
        target=target,
        view=_QuotationView(mapper.rules, _knowing(mapper, company), _active_revision),
        asked={DATAVERSE: Asked.both(of.HEADER_SET, of.LINE_SET), FINOPS: target.asked},
        adopt=mapper.choices.adopt_existing,
        past_rules=frozenset(_OVER),
    )


@dataclass(frozen=True, slots=True)
class _QuotationView(DocumentView):
    """Of quotations."""

    def judged(self, row: SourceRow, verdict: Verdict, known: Known) -> Verdict:
        """A verdict as the comparison uses it: what the target should hold."""
        # The name of the base in full: with slots, the class is another one than that of the method.
        verdict = DocumentView.judged(self, row, verdict, known)
        if is_filtered(verdict, _DRAFT) and any(each.get("statecode") == CLOSED for each in headers_of(row)):
            # Only what was active can be closed: the draft is that of a revision.
            return Filtered("revised", ends=True)
        return verdict


def _knowing(mapper: QuotationMapper, company: str) -> Knows:
    def knows(systems: Systems, kept: Kept) -> Callable[[SourceRow], Known]:
        """The numbers of the customers in F&O, and how dates behave."""
        now, customers = datetime.now(UTC), read_customers(systems, company, kept)
        behaviors = read_behaviors(systems, quotations.DATE_COLUMNS)
        return lambda row: Known(now, references=behaviors, keys=customers.keys_of(mapper.parents(row)))

    return knows


def _active_revision(row: SourceRow) -> Values:
    active = [revision for revision in headers_of(row) if revision.get("statecode") == ACTIVE]
    return max(active, key=lambda header: int(str(header.get("revisionnumber") or 0)))
