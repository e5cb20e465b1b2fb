"""Python's collector of cycles, in a process that lives for long: see docs/decisions.md."""

import gc

# How many new objects it waits for, and after how many looks it looks at older ones, too.
COLLECTED_AFTER = (20_000, 10, 5)


def settle_memory() -> None:
    """What was imported and made so far stays, so the collector need not look through it again and again; what comes
    later is little.

    The collector puts off a look at all objects until those that are new to it are a quarter of those that it saw at
    its last such look. So one more look follows the freezing, and sees nothing: the next one is not put off.
    """
    gc.set_threshold(*COLLECTED_AFTER)
    gc.collect()
    gc.freeze()
    gc.collect()
