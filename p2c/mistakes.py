"""What the user must correct."""


class Mistake(Exception):
    """The user must correct something; the message says what and how."""
