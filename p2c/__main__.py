"""p2c: an operator sees what is not in step, why, and repairs it."""

from p2c import deeds, looks
from p2c.commands import app

__all__ = ["app", "deeds", "looks"]

if __name__ == "__main__":
    app(prog_name="p2c")
