"""Python's collector of cycles, in a process that lives for long: see docs/decisions.md."""

import gc

# How many new objects it waits for, and after how many looks it looks at older ones, too.
COLLECTED_AFTER = (20_000, 10, 5)


def settle_memory() -> None:
    """What was imported and made so far stays, so the collector need not look through it again and again; what comes
    later is little.

    It puts off a look at all objects until those that it has not seen there are a quarter of those of its last such
    look. So that comes after what is there is frozen, and sees nothing.
    """
    gc.set_threshold(*COLLECTED_AFTER)
    gc.collect()
    gc.freeze()
    gc.collect()
