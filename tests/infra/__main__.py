"""`make infra`: the files that follow from the code, then the templates formatted, compiled and linted, then the
snapshots."""

import sys

from tests.infra import compiler
from tests.infra.derived import write
from tests.infra.snapshots import INFRA, parameters_files


def main() -> int:
    """Write everything anew; 1 where the compiler has something to say, or where there is none."""
    sys.stderr.write("".join(f"written: {path}\n" for path in write()))
    if compiler.compiler() is None:
        sys.stderr.write(f"{compiler.MISSING}\n")
        return 1
    with compiler.running() as bicep:
        told = [bicep.format_all(INFRA), *map(bicep.write_snapshot, parameters_files())]
    sys.stderr.write("".join(f"{each}\n" for each in told if each))
    return int(any(told))


if __name__ == "__main__":
    sys.exit(main())
