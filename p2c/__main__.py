"""p2c: an operator sees what is not in step, why, and repairs it."""

from p2c import asking, doing
from p2c.commands import app

__all__ = ["app", "asking", "doing"]

if __name__ == "__main__":
    app(prog_name="p2c")
