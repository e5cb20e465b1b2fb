"""Adds the states of the largest countries to the shipped map document, from Unicode's CLDR.

    npm pack cldr@8.0.0 && tar xzf cldr-8.0.0.tgz
    python -m local.states package/3rdparty/cldr

The names are CLDR's in English and in the country's own languages, the codes the second part of ISO 3166-2, both of the
lowest level: of provinces rather than regions. What the document lists already does not change: F&O's demonstration
data has some codes of its own.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

from shared.mapping.map_source import SHIPPED
from shared.mapping.value_maps import folded

# The largest economies of those for which F&O is localised, with their languages besides English.
LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "AE": ("ar",), "AR": ("es",), "AT": ("de",), "AU": (), "BE": ("nl", "fr", "de"), "BR": ("pt",), "CA": ("fr",),
    "CH": ("de", "fr", "it"), "CN": ("zh",), "DE": ("de",), "ES": ("es", "ca"), "FR": ("fr",), "GB": (),
    "ID": ("id",), "IE": (), "IN": ("hi",), "IT": ("it",), "JP": ("ja",), "KR": ("ko",), "MX": ("es",), "MY": ("ms",),
    "NL": ("nl",), "PL": ("pl",), "RU": ("ru",), "SA": ("ar",), "SE": ("sv",), "TH": ("th",), "TR": ("tr",), "US": (),
    "ZA": ("af",),
}  # fmt: skip
# What CLDR lacks. The post of the United States delivers to its territories, to states associated with it and to its
# forces as to states.
BESIDES: Mapping[str, Mapping[str, str]] = {
    "AR": {"CABA": "C", "Capital Federal": "C", "Ciudad Autónoma de Buenos Aires": "C"},
    "BE": {"Brussel": "BRU", "Bruxelles": "BRU"},
    "GB": {"Greater London": "LND", "London": "LND"},
    "IT": {"Aosta": "AO", "Aosta Valley": "AO", "Valle d’Aosta": "AO", "Bolzano": "BZ", "Trento": "TN"},
    "KR": {"Gwangju": "29"},
    "MX": {"CDMX": "CMX", "Distrito Federal": "CMX", "Estado de México": "MEX"},
    "US": {
        "American Samoa": "AS",
        "Armed Forces Africa": "AE",
        "Armed Forces Americas": "AA",
        "Armed Forces Canada": "AE",
        "Armed Forces Europe": "AE",
        "Armed Forces Middle East": "AE",
        "Armed Forces Pacific": "AP",
        "Federated States of Micronesia": "FM",
        "Guam": "GU",
        "Marshall Islands": "MH",
        "Northern Mariana Islands": "MP",
        "Palau": "PW",
        "Puerto Rico": "PR",
        "U.S. Minor Outlying Islands": "UM",
        "U.S. Virgin Islands": "VI",
        "Virgin Islands": "VI",
    },
}
# Parts that have a code as a country, and are looked for as one.
_COUNTRIES_TOO = frozenset(
    {"cnhk", "cnmo", "cntw", "frbl", "frcp", "frmf", "frnc", "frpf", "frpm", "frtf", "frwf", "nlaw", "nlcw", "nlsx"}
    | {"nlbq1", "nlbq2", "nlbq3"}
)
# Words that some languages put around a name, and people leave out.
_KIND = re.compile(
    r"(?:prov[ií]nc(?:i[ae]|e)(?:\s+autonoma)?|estado|[ck]antone?|województwo)\s+"
    r"(?:de\s+la\s+|de\s+|da\s+|das\s+|de[ils]\s+|della\s+|dell’|di\s+|du\s+|d’)?"
    r"|\s+(?:ili|province)",
    re.IGNORECASE,
)
_PART = '"states": '


class Cldr:
    """An unpacked CLDR."""

    def __init__(self, folder: Path) -> None:
        self._common = folder / "common"
        parsed = _parsed(self._common / "supplemental" / "subdivisions.xml")
        self._contained = {str(each.get("type")): str(each.get("contains")).split() for each in parsed.iter("subgroup")}

    def states(self, country: str) -> dict[str, str]:
        """The codes of a country's states by name."""
        of = [id for id in self._lowest(country) if id not in _COUNTRIES_TOO]
        found: dict[str, str] = {}
        for language in ("en", *LANGUAGES[country]):
            names = self._names(language)
            _add(found, ((_bare(names[id]), id[2:].upper()) for id in of if id in names))
            # A province of the same name as its city keeps the whole name.
            _add(
                found,
                ((names[id], id[2:].upper()) for id in of if id in names and id[2:].upper() not in found.values()),
            )
        return found

    def _lowest(self, of: str) -> Iterator[str]:
        for part in self._contained.get(of, ()):
            yield from self._lowest(part) if part in self._contained else (part,)

    def _names(self, language: str) -> dict[str, str]:
        """The names by the id of a state. A name with a remark in brackets is not one that people write."""
        parsed = _parsed(self._common / "subdivisions" / f"{language}.xml").iter("subdivision")
        names = {
            str(each.get("type")): each.text.strip("\u00b2 ")
            for each in parsed
            if each.get("alt") is None and each.text
        }
        return {id: name for id, name in names.items() if "(" not in name}


def completed(states: Mapping[str, Mapping[str, str]], cldr: Cldr) -> dict[str, dict[str, str]]:
    """The lists of the document with what CLDR and the post know besides, in the order of their names."""
    found = {country: dict(listed) for country, listed in states.items()}
    for country in LANGUAGES:
        listed = found.setdefault(country, {})
        _add(listed, BESIDES.get(country, {}).items())
        _add(listed, cldr.states(country).items())
    return {country: dict(sorted(found[country].items())) for country in sorted(found)}


def _add(listed: dict[str, str], names: Iterable[tuple[str, str]]) -> None:
    """Add the names that are not listed yet."""
    known = set(map(folded, listed))
    for name, code in names:
        if folded(name) not in known:
            known.add(folded(name))
            listed[name] = code


def _bare(name: str) -> str:
    start, end = _KIND.match(name), re.search(rf"(?:{_KIND.pattern})$", name, re.IGNORECASE)
    bare = name[start.end() if start else 0 : end.start() if end else None]
    return bare[:1].upper() + bare[1:] if bare else name


def _parsed(file: Path) -> ElementTree.Element:
    return ElementTree.parse(file).getroot()  # noqa: S314 - a file that the caller has chosen


def main(folder: str) -> None:
    """Write the document; its other parts do not change."""
    text = SHIPPED.read_text(encoding="utf-8")
    start = text.index(_PART) + len(_PART)
    states, end = json.JSONDecoder().raw_decode(text, start)
    listed = json.dumps(completed(states, Cldr(Path(folder))), ensure_ascii=False, indent=2).replace("\n", "\n  ")
    SHIPPED.write_text(text[:start] + listed + text[end:], encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
