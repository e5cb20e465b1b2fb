"""Why the demo cannot continue. The message is all that its user sees: it names the thing, the value and the remedy."""


class DemoFailed(Exception):
    """Something went wrong while the demo ran: exit code 1."""


class Unanswered(DemoFailed):
    """A system does not answer the demo: its process has ended, or hangs."""


class UserMistake(Exception):
    """An argument, a setting or a folder is not usable: exit code 2."""
