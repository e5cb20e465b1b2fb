"""A secret that can be found again wherever a part of it comes to light."""

import traceback

from hypothesis import strategies as st

MARK = "Zq7xW9kT"
# Keys, passwords and signatures as systems make them; every one begins and ends with the mark.
SECRETS = st.text("abcXYZ019+/=_-.~", min_size=4, max_size=72).map(lambda text: f"{MARK}{text}{MARK}")


def check_kept(told: str) -> None:
    """No part of a secret stands in a text."""
    assert MARK.casefold() not in told.casefold(), told


def check_untold(error: BaseException) -> None:
    """No part of a secret stands in an error, in its traceback, or in an error that is chained to it."""
    check_kept("".join(traceback.format_exception(error)))
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
        check_kept(f"{error!r} {vars(error)}")
