"""Which quotes are revisions of one another, and which one only has the number of another.

Dataverse connects a revision with the one before only by the quote's number, and counts revisions from 0. So the quotes
that a quotation was made from are stored. A quote that is not among them, and whose revision number is not higher, is
another quote with the same number.
"""

from collections.abc import Mapping

from shared.mapping.verdicts import Rejected

# The latest ones of a chain; older ones are no longer needed.
MOST_KEPT = 50


def chain_of(chosen: str, revisions: Mapping[str, int], known: Mapping[str, int]) -> dict[str, int]:
    """The quotes of the chain that `chosen` belongs to, by id with their revision numbers, the latest ones: those that
    are known, unless `chosen` is of another chain, and those of `revisions` that fit."""
    if _is_other(chosen, revisions, known):
        known = {}
    strangers = _strangers(revisions, known)
    chain = {**known, **{id: number for id, number in revisions.items() if id not in strangers}}
    if not known:
        # If several have the same revision number, only the chosen one certainly belongs to its chain.
        numbers = list(revisions.values())
        chain = {id: number for id, number in chain.items() if numbers.count(number) == 1}
        chain[chosen] = revisions[chosen]
    latest = sorted(chain, key=lambda id: (chain[id], id))[-MOST_KEPT:]
    return {id: chain[id] for id in latest}


def reuse_of(number: str, chosen: str, revisions: Mapping[str, int], known: Mapping[str, int]) -> Rejected | None:
    """Why `chosen` is not the quote that the quotation was made from; None if it is a revision of it."""
    if not _is_other(chosen, revisions, known):
        return None
    former = max(known, key=lambda id: (known[id], id))
    gone = "" if former in revisions else ", which is gone"
    return Rejected(
        "number_reused",
        f"the quotation {number} in F&O was made from the quote {former}{gone}; the quote {chosen} has the same number "
        "and is no revision of it",
        "create the new quote again with a number of its own; or, if it should take over the quotation, set "
        "QUOTATIONS_ON_EXISTING to adopt; or delete the quotation in F&O, so that the number is free",
    )


def _is_other(chosen: str, revisions: Mapping[str, int], known: Mapping[str, int]) -> bool:
    return chosen not in known and bool(_strangers(revisions, known))


def _strangers(revisions: Mapping[str, int], known: Mapping[str, int]) -> set[str]:
    """The unknown quotes whose revision number is not higher than that of the known ones that exist, or that existed if
    all are gone: they cannot be revisions of those."""
    there = [number for id, number in known.items() if id in revisions] or list(known.values())
    if not there:
        return set()
    earliest = min(known.values()) if len(known) == MOST_KEPT else 0
    return {id for id, number in revisions.items() if id not in known and earliest <= number <= max(there)}
