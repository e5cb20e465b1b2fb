"""p2c: an operator sees what is not in step, why, and repairs it."""

import sys

try:
    from p2c import asking, doing
    from p2c.commands import app
except KeyboardInterrupt:
    # Loading takes a moment; whoever thinks better of it gets no traceback.
    sys.exit(130)

__all__ = ["app", "asking", "doing"]

if __name__ == "__main__":
    app(prog_name="p2c")
