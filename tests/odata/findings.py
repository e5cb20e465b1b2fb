"""What the library refuses, and what of that is nobody's fault."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.simulator.faults import Kind

_ANSWERED_WELL = ("", Kind.SLOW)


@dataclass(frozen=True, slots=True)
class Finding:
    """One refusal: `exchange` is file and line, `part` the part of the exchange."""

    exchange: str
    system: str
    verdict: str
    part: str
    message: str
    excerpt: str
    status: int
    test: str

    @property
    def of_answer(self) -> bool:
        """Whether an answer is refused, not what a client sent."""
        return "response" in self.part


@dataclass(slots=True)
class Judgement:
    """Findings that nobody wanted, and texts of marks that nothing of their test was refused for."""

    unwanted: list[Finding] = field(default_factory=list)
    idle: list[tuple[str, str]] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether there is nothing to mend."""
        return not self.unwanted and not self.idle


def read(file: Path) -> Iterator[Finding]:
    """The findings that the program wrote, as JSON lines."""
    names = Finding.__slots__
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            found = json.loads(line)
            yield Finding(**{name: found[name] for name in names})


def judge(findings: Iterable[Finding], folder: Path, purposes: Mapping[str, list[str]]) -> Judgement:
    """Leave out what is on purpose. `folder` holds the exchanges."""
    counted = [each for each in findings if each.verdict in ("refused", "own") and not _refused_by_both(each)]
    faults = _faults(folder, {each.exchange for each in counted if each.of_answer})
    met: set[tuple[str, str]] = set()
    judgement = Judgement()
    for each in counted:
        if each.of_answer and faults[each.exchange] not in _ANSWERED_WELL:
            continue
        texts = [text for text in purposes.get(each.test, ()) if text in each.message or text in each.excerpt]
        met |= {(each.test, text) for text in texts}
        if not texts:
            judgement.unwanted.append(each)
    wanted = {(test, text) for test, texts in purposes.items() for text in texts}
    judgement.idle = sorted(wanted - met)
    return judgement


def _refused_by_both(finding: Finding) -> bool:
    """A mistake that the simulator refuses as the library does is one that a test makes on purpose."""
    return not finding.of_answer and 400 <= finding.status < 500


def _faults(folder: Path, exchanges: Iterable[str]) -> Mapping[str, str]:
    """Which fault was played at each exchange, given as file and line; its answer is not one of the simulator."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for exchange in exchanges:
        name, _, line = exchange.rpartition(":")
        wanted[name].add(int(line))
    found: dict[str, str] = {}
    for name, lines in wanted.items():
        with (folder / name).open(encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                if number in lines:
                    found[f"{name}:{number}"] = json.loads(text)["fault"]
    return found
