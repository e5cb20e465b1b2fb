"""The mutants of a module, and samples of them."""

import ast
import difflib
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from parso.tree import NodeOrLeaf

from tests.mutation.meaningless import meaningless
from tests.mutation.operators import OPERATORS, Span


@dataclass(frozen=True, order=True, slots=True)
class Mutant:
    """One change of one module. `file` is relative to the folder of the project; `occurrence` counts the places of the
    operator in the module, from 0."""

    file: str
    span: Span
    operator: str
    occurrence: int

    @property
    def name(self) -> str:
        """What `--mutant` takes."""
        return f"{self.file}:{self.operator}:{self.occurrence}"

    @property
    def place(self) -> tuple[str, Span, str]:
        """Several mutants can change the same thing at the same place: they count as one in a sample."""
        return self.file, self.span, self.operator.partition("_")[0]

    def source(self, root: Path) -> str:
        """The changed text of the module. Raises LookupError when there is no such place."""
        changed = _changed(_text(root / self.file), self.operator, self.occurrence)
        if changed is None:
            raise LookupError(f"{self.name}: {self.operator} has fewer places there; choose a smaller last number")
        return changed

    def diff(self, root: Path) -> list[str]:
        """What it changes, as a unified diff without context."""
        before, after = _text(root / self.file).splitlines(), self.source(root).splitlines()
        return list(difflib.unified_diff(before, after, self.file, self.file, lineterm="", n=0))

    def changes(self, root: Path) -> tuple[str, str]:
        """The first line that it changes, and what it becomes, each with single blanks: cosmic-ray adds some."""
        lines = self.diff(root)[3:]
        before = [" ".join(line[1:].split()) for line in lines if line.startswith("-")]
        after = [" ".join(line[1:].split()) for line in lines if line.startswith("+")]
        return next(iter(before), ""), next(iter(after), "")

    def means_something(self, root: Path) -> bool:
        """Whether the changed text is Python, and other Python than before."""
        try:
            changed = ast.parse(self.source(root))
        except SyntaxError:
            return False
        return ast.dump(changed) != _meaning(_text(root / self.file))


def mutant_of(name: str, root: Path) -> Mutant:
    """A mutant by its name. Raises LookupError for one that does not exist."""
    file, operator, occurrence = name.rsplit(":", maxsplit=2)
    found = [each for each in mutants_of(root, file, everything=True) if each.name == f"{file}:{operator}:{occurrence}"]
    if not found:
        raise LookupError(f"there is no mutant {name}: the code has changed since, or the name is wrong")
    return found[0]


def mutants_of(root: Path, file: str, *, everything: bool = False) -> list[Mutant]:
    """Every mutant of a module; with `everything` also those that mean nothing (see meaningless)."""
    text = _text(root / file)
    left_out = () if everything else meaningless(text)
    return [mutant for mutant in _mutants(file, text) if not any(_within(mutant.span, span) for span in left_out)]


def sample(root: Path, files: Sequence[str], size: int, seed: str) -> list[Mutant]:
    """So many mutants, at places in even distances over all modules: the larger a module, the more. The same seed gives
    the same ones as long as the code stays as it is."""
    ways: dict[tuple[str, Span, str], list[Mutant]] = defaultdict(list)
    for file in sorted(files):
        for mutant in mutants_of(root, file):
            ways[mutant.place].append(mutant)
    places, dice = sorted(ways), random.Random(seed)
    distance, start = len(places) / max(size, 1), dice.random()
    chosen = [places[int((start + at) * distance)] for at in range(min(size, len(places)))]
    found = []
    for place in chosen:
        several = list(ways[place])
        dice.shuffle(several)
        # At a place where no change means anything there is nothing to judge.
        found += list(islice((each for each in several if each.means_something(root)), 1))
    return found


@lru_cache(maxsize=64)
def _mutants(file: str, text: str) -> Sequence[Mutant]:
    """All of them in order. To read a module and try each operator at each place takes some tenths of a second."""
    return sorted(_found(file, text))


def _found(file: str, text: str) -> Iterator[Mutant]:
    seen: Counter[str] = Counter()
    for node in ast_nodes(get_ast(text)):
        for name, operator in OPERATORS.items():
            for span in operator.mutation_positions(node):
                if not _is_mark(node, name):
                    yield Mutant(file, span, name, seen[name])
                seen[name] += 1


_MARKED = {"parameters", "param", "argument", "arglist", "star_expr", "dictorsetmaker", "dict"}


def _is_mark(node: NodeOrLeaf, operator: str) -> bool:
    """Whether a star is no operator but stands in a signature or a call; cosmic-ray takes it for one."""
    return operator.startswith("ReplaceBinaryOperator") and (node.parent is None or node.parent.type in _MARKED)


def _within(span: Span, other: Span) -> bool:
    return other[0] <= span[0] and span[1] <= other[1]


@lru_cache(maxsize=256)
def _changed(text: str, operator: str, occurrence: int) -> str | None:
    """The same module is read anew for each change of it: the last ones are kept."""
    changed = mutate_code(text, OPERATORS[operator], occurrence)
    return None if changed is None else str(changed)


@lru_cache(maxsize=64)
def _meaning(text: str) -> str:
    return ast.dump(ast.parse(text))


@lru_cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
