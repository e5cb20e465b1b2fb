"""Why the demo cannot go on. The message is all that its user sees: it names the thing, the value and the remedy."""


class DemoFailed(Exception):
    """Something went wrong while the demo ran: exit code 1."""


class NoAnswer(DemoFailed):
    """A system of the demo does not answer: it is gone, or hangs."""


class UserMistake(Exception):
    """An argument, a setting or a folder will not do: exit code 2."""
