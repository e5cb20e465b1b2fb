"""The filters by which a record stays in its source, in words: what each means, and what helps."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.sync.apply.judge import PARENT_FILTERED


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter rule in words; `remedy` is what whoever wants the record in the target does."""

    meaning: str
    remedy: str


FILTERS: Mapping[str, Filter] = {
    "inactive": Filter("it is inactive in Sales", "activate it"),
    "merged": Filter("it was merged into another record", "nothing: the other one is synced"),
    "account_filter": Filter(
        "a condition of account_filter in the value-map document does not hold", "change the account, or the condition"
    ),
    "contact_filter": Filter(
        "a condition of contact_filter in the value-map document does not hold", "change the contact, or the condition"
    ),
    "out_of_scope": Filter(
        "it has no counterpart yet, and the scope setting of the flow leaves such records out",
        "change the record, or the scope setting",
    ),
    "no_account": Filter(
        "the contact belongs to no account and is no active customer", "quote it, or give it an account"
    ),
    "contact_of_contact": Filter(
        "the contact belongs to another contact (or to an account that the app may not read) and is no active customer",
        "quote it, or give it an account",
    ),
    "draft": Filter("the quote is a draft, and no other revision is active", "activate it"),
    "won": Filter("the quote was won", "nothing: order it"),
    "lost": Filter("the quote was lost", "revise it, if it is to go to F&O after all"),
    "canceled": Filter("the quote was canceled", "revise it, if it is to go to F&O after all"),
    "submitted": Filter("the quote was closed as submitted", "revise it, if it is to go to F&O after all"),
    "revised": Filter("the quote was closed by a revision that does not exist any more", "revise it once more"),
    "closed": Filter("the quote was closed for a reason of your own", "revise it, if it is to go to F&O after all"),
    "header_discount": Filter("the quote as a whole has a discount", "give the discount to the lines"),
    "no_lines": Filter("the quote is empty", "add lines"),
    "write_in_line": Filter("a line has no product, only a text", "quote a product of F&O"),
    "own_product": Filter("a line has a product that does not come from F&O", "quote the product of F&O"),
}


def in_words(rule: str) -> Filter:
    """A rule in words, also one that comes from the record's parent."""
    if rule.startswith(PARENT_FILTERED):
        parents = FILTERS.get(rule.removeprefix(PARENT_FILTERED).strip())
        why = f", since {parents.meaning}" if parents else ""
        return Filter(
            f"a record that it belongs to is not for the target{why}", "make that one a record that goes to the target"
        )
    return FILTERS.get(rule, Filter(f"the rule {rule} holds", "see docs/rules.md"))
