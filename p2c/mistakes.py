"""What the user has to correct."""


class Mistake(Exception):
    """The user has to correct something; the message says what and how."""
