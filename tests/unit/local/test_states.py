"""How the shipped lists of states are made."""

from pathlib import Path

import pytest

from local import states
from local.states import Cldr, completed

CONTAINED = {"US": ["usak"], "FR": ["frara", "fr2a", "frpm"], "frara": ["fr01", "fr03"], "AR": ["arb", "arc"]}
NAMES = {
    "en": {"usak": "Alaska", "frara": "Auvergne-Rhône-Alpes", "fr01": "Ain", "fr03": "Allier (department)"},
    "fr": {"fr01": "province d’Ain", "fr03": "Allier²", "fr2a": "Corse-du-Sud", "frpm": "Saint-Pierre-et-Miquelon"},
    "es": {"arb": "Provincia de Buenos Aires", "arc": "Buenos Aires"},
}


@pytest.fixture
def cldr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cldr:
    """A CLDR of three countries."""
    monkeypatch.setattr(states, "LANGUAGES", {"US": (), "FR": ("fr",), "AR": ("es",)})
    common = tmp_path / "common"
    (common / "supplemental").mkdir(parents=True)
    (common / "subdivisions").mkdir()
    groups = "".join(f'<subgroup type="{value}" contains="{" ".join(parts)}"/>' for value, parts in CONTAINED.items())
    (common / "supplemental" / "subdivisions.xml").write_text(f"<data>{groups}</data>", encoding="utf-8")
    for language, names in NAMES.items():
        named = "".join(f'<subdivision type="{id}">{name}</subdivision>' for id, name in names.items())
        (common / "subdivisions" / f"{language}.xml").write_text(f"<ldml>{named}</ldml>", encoding="utf-8")
    return Cldr(tmp_path)


def test_the_lowest_level_counts_and_what_is_a_country_does_not(cldr: Cldr) -> None:
    assert cldr.states("FR") == {"Ain": "01", "Allier": "03", "Corse-du-Sud": "2A"}


def test_a_province_of_the_name_of_its_city_is_listed_once(cldr: Cldr) -> None:
    assert cldr.states("AR") == {"Buenos Aires": "B"}


def test_what_is_listed_stays_and_is_found_whatever_its_case(cldr: Cldr) -> None:
    listed = completed({"FR": {"AIN": "F01", "Jura": "39"}, "XX": {"A": "1"}}, cldr)
    assert listed["FR"] == {"AIN": "F01", "Allier": "03", "Jura": "39", "Corse-du-Sud": "2A"}
    assert listed["XX"] == {"A": "1"}
    assert (listed["US"]["Alaska"], listed["US"]["Armed Forces Pacific"], listed["AR"]["CABA"]) == ("AK", "AP", "C")


def test_the_document_is_written_with_its_states_alone_changed(
    cldr: Cldr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / "maps.json"
    document.write_text('{\n  "units": [1,  2],\n  "states": {"XX": {}},\n  "storage": {}\n}\n', encoding="utf-8")
    monkeypatch.setattr(states, "SHIPPED", document)
    states.main(str(tmp_path))
    text = document.read_text(encoding="utf-8")
    assert text.startswith('{\n  "units": [1,  2],\n  "states": {\n    "AR": {\n      "Buenos Aires": "B",')
    assert text.endswith('\n  },\n  "storage": {}\n}\n')
    states.main(str(tmp_path))
    assert document.read_text(encoding="utf-8") == text
