"""Where the set-up guide says how something is done."""


def section(number: str) -> str:
    """A section of the set-up guide, as messages name it: `docs/setup.md, section 2.1`."""
    return f"docs/setup.md, section {number}"
