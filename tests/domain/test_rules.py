from dataclasses import replace
from pathlib import Path

import pytest

from qc_daemon.domain.errors import ConfigError
from qc_daemon.domain.fibres import FIBRES
from qc_daemon.domain.mass_basis import BASES, REGAINS
from qc_daemon.domain.rules import TOLERANCES, read_rule, rule_named

RULE = """
name = "Mill & Co"
version = "4"
clause = "Supply agreement 2026, 3.2"
[deviation]
max_pp = 2.5
[undeclared]
limit_percent = 1
limit_included = true
left_out = false
[basis]
name = "dry mass"
"""
PAGE = (Path(__file__).parents[2] / "docs" / "judgement.md").read_text(encoding="utf-8")


def test_the_rules_of_laws_and_standards_say_where_their_figures_come_from() -> None:
    assert list(TOLERANCES) == [
        "GB/T 29862-2013", "GB/T 29862-2013 fillings", "EU 1007/2011", "EU 1007/2011 carded",
    ]  # fmt: skip
    for rule in TOLERANCES.values():
        assert "7.4" in rule.clause or "Article 20" in rule.clause
        assert rule.basis in BASES
        assert f"| {rule.name} |" in PAGE


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gb-t-29862-2013", "GB/T 29862-2013"),
        ("EU 1007/2011", "EU 1007/2011"),
        ("eu-1007-2011", "EU 1007/2011"),
    ],
)
def test_a_rule_is_found_by_its_short_and_by_its_full_name(text: str, name: str) -> None:
    assert rule_named(text) == TOLERANCES[name]


def test_a_customers_rule_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mill.toml"
    path.write_text(RULE, encoding="utf-8")
    rule = rule_named(str(path))
    assert (rule.name, rule.version, rule.clause) == ("Mill & Co", "4", "Supply agreement 2026, 3.2")
    assert (rule.deviation_pp_at(60.0), rule.deviation_pp_at(5.0), rule.deviation_pp_at(0.0)) == (
        2.5,
        2.5,
        1.0,
    )
    assert not rule.must_be_present_at(1.0)
    path.write_text(RULE + "[minor]\nup_to_percent = 8\nmax_pp = 1.5\n[trace]\nup_to_percent = 2\n")
    assert read_rule(path) == replace(
        rule, minor_component_percent=8.0, minor_deviation_pp=1.5, trace_component_percent=2.0
    )


def test_the_example_of_the_page_is_a_rule(tmp_path: Path) -> None:
    path = tmp_path / "customer.toml"
    path.write_text(PAGE.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    assert read_rule(path).name == "Example Ltd"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('name = "Mill & Co"\n', "", "name: expected a text in quotes, got nothing"),
        ('version = "4"', "version = 4", "version: expected a text in quotes, got 4"),
        ('version = "4"', 'version = ""', "version: expected a text in quotes, got ''"),
        ("max_pp = 2.5", 'max_pp = "2.5"', "deviation.max_pp: expected a number from 0 to 100, got '2.5'"),
        ("max_pp = 2.5", "max_pp = -1", "deviation.max_pp: expected a number from 0 to 100, got -1"),
        ("max_pp = 2.5", "max_pp = true", "deviation.max_pp: expected a number from 0 to 100, got True"),
        ("max_pp = 2.5", "max_pp = nan", "deviation.max_pp: expected a number from 0 to 100, got nan"),
        (
            "max_pp = 2.5",
            "max_deviation = 2.5",
            "deviation.max_deviation: not a key of a rule; expected max_pp",
        ),
        ("[deviation]\nmax_pp = 2.5\n", "", "deviation: expected a section [deviation]"),
        (
            "limit_included = true",
            'limit_included = "yes"',
            "undeclared.limit_included: expected true or false",
        ),
        ("left_out = false\n", "", "undeclared.left_out: expected true or false, got nothing"),
        ("dry mass", "wet", "basis.name: 'wet'; expected \"dry mass\" or"),
        ("[basis]", "[base]", "base: not a key of a rule; expected name, version"),
        ("[basis]", "[basis", "expected a readable TOML file"),
    ],
)
def test_a_wrong_rule_file_is_refused_in_one_line_that_names_file_and_key(
    old: str, new: str, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "mill.toml"
    assert old in RULE
    path.write_text(RULE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_rule(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_or_name_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: expected a readable TOML file"):
        rule_named(str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match='"mine" is not a known rule; expected "gb-t-29862-2013"'):
        rule_named("mine")


def test_the_page_lists_every_fibre_and_regain_as_they_are() -> None:
    for fibre in FIBRES:
        also, codes = ", ".join(fibre.also), ", ".join(fibre.codes)
        assert f"| {fibre.name} | {fibre.en} | {fibre.zh} | {also} | {codes} |" in PAGE
    for regains in REGAINS.values():
        listed = ", ".join(f"{fibre} {percent:g}" for fibre, percent in regains.percent.items())
        assert f"| `{regains.name}` | {regains.source}: {listed} |" in PAGE
    missing = ", ".join(
        fibre.name for fibre in FIBRES if fibre.name not in REGAINS["conventional regain"].percent
    )
    assert f"No regain of GB/T 9994 is on file for {missing}:" in " ".join(PAGE.split())
