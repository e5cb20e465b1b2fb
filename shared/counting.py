"""How many of something, in words."""


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 setting`, `2 settings`. `many` is a plural that is not made by an s."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
