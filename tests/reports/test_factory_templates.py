import re

import cv2
import numpy as np
import pytest
from builders_reports import a_failed_inspection
from pypdf import PdfReader

from qc_daemon.domain.errors import InputError, ReportFailed
from reports.certificate import certificate_sheet
from reports.content import certificate_content
from reports.factory_templates import forget_if_broken, keep_only, last_good, try_templates
from reports.typesetting import SHIPPED_TEMPLATES, typeset

HOUSE = (SHIPPED_TEMPLATES / "house.typ").read_text()


@pytest.fixture()
def folder(tmp_path):
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


def edited(folder, **changes):
    """The factory's house.typ with some definitions replaced by others."""
    text = HOUSE
    for name, value in changes.items():
        text, found = re.subn(rf"#let {name} = .*", lambda _, n=name, v=value: f"#let {n} = {v}", text)
        assert found == 1, name
    (folder / "house.typ").write_text(text)


def text_with(templates, tmp_path):
    content = certificate_content(42, *a_failed_inspection(), "Line 3")
    (tmp_path / "x.pdf").write_bytes(typeset(certificate_sheet(content, "en", templates)))
    return PdfReader(tmp_path / "x.pdf").pages[0].extract_text()


def test_name_address_logo_words_and_columns_of_a_factory_are_printed(folder, tmp_path):
    cv2.imwrite(str(folder / "logo.png"), np.full((40, 80, 3), 90, np.uint8))
    edited(
        folder,
        name='"Mill of the North"',
        address='("1 Mill Road", "绍兴")',
        logo='"logo.png"',
        paper='"us-letter"',
        columns='("measured", "declared", "bar")',
        words='(zh: (:), en: (title: "Test report"))',
    )
    templates = try_templates(folder, tmp_path / "kept", 30.0)
    text = text_with(templates, tmp_path)
    for words in ("Mill of the North", "1 Mill Road", "绍兴", "Test report"):
        assert words in text
    assert "90 % interval" not in text
    assert PdfReader(tmp_path / "x.pdf").pages[0].mediabox.height == 792
    assert last_good(tmp_path / "kept") == templates


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (HOUSE + "\n#let x = panc(1)\n", r"house\.typ, line \d+: unknown variable: panc"),
        (HOUSE.replace('"bar")\n', '"bars")\n', 1), r'"bars" is not one of declared'),
        (HOUSE + '\n#set text(font: "Lost Sans")\n', r"house\.typ, line \d+: unknown font family: lost sans"),
        ("", r"certificate\.typ, line \d+|look\.typ, line \d+"),
    ],
    ids=["unknown name", "unknown column", "missing font", "empty file"],
)
def test_an_error_is_told_with_file_and_line_and_the_last_good_templates_stay(folder, tmp_path, broken, said):
    edited(folder, name='"Good"')
    good = try_templates(folder, tmp_path / "kept", 30.0)
    (folder / "house.typ").write_text(broken)
    with pytest.raises(ReportFailed, match=said) as failed:
        try_templates(folder, tmp_path / "kept", 30.0)
    assert "\n" not in str(failed.value)
    assert last_good(tmp_path / "kept") == good


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("lot.typ", "heading-line(heads.rolls)", "heading-line(heads.bolts)", r"lot\.typ, line \d+: .*bolts"),
        ("daily.typ", "page.references", "page.refs", r"daily\.typ, line \d+: .*refs"),
        ("look.typ", "plot.smooth.len()", "plot.smoothed.len()", r"look\.typ, line \d+: .*smoothed"),
        ("certificate.typ", "if content.micrograph != none { ", "if true { ", r"certificate\.typ, line \d+"),
        ("daily.typ", "if content.p_chart != none {", "if true {", r"(look|daily)\.typ, line \d+"),
    ],
    ids=["lot", "day", "chart of a day", "without an image", "without a chart"],
)
def test_reports_of_lots_and_days_and_bare_ones_are_tried_too(folder, tmp_path, name, old, new, said):
    text = (SHIPPED_TEMPLATES / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    with pytest.raises(ReportFailed, match=said) as failed:
        try_templates(folder, tmp_path / "kept", 30.0)
    assert "\n" not in str(failed.value)


def test_good_templates_of_before_that_this_version_cannot_lay_out_are_forgotten(folder, tmp_path):
    edited(folder, name='"Good"')
    good = try_templates(folder, tmp_path / "kept", 30.0)
    forget_if_broken(tmp_path / "kept", 30.0)
    assert last_good(tmp_path / "kept") == good
    certificate = good / "certificate.typ"
    certificate.write_text(certificate.read_text().replace("picture.svg", "picture.jpeg"))
    forget_if_broken(tmp_path / "kept", 30.0)
    assert last_good(tmp_path / "kept") == SHIPPED_TEMPLATES


def test_a_template_that_never_ends_is_stopped_and_told(folder, tmp_path):
    loops = " ".join(f"for {name} in range(9000) {{" for name in "ijk")
    endless = f"#let x = {{ {loops} }} }} }} }}\n"
    (folder / "house.typ").write_text(HOUSE + endless)
    with pytest.raises(ReportFailed, match=r"certificate\.typ: not ready within 2 s"):
        try_templates(folder, tmp_path / "kept", 2.0)
    assert last_good(tmp_path / "kept") == SHIPPED_TEMPLATES


def test_a_template_that_takes_all_memory_dies_alone_and_is_told(folder, tmp_path):
    (folder / "house.typ").write_text(HOUSE + '#let x = "ab"\n#for _ in range(60) { x += x }\n')
    with pytest.raises(ReportFailed, match=r"certificate\.typ: the process that renders died, .* 1 GB"):
        try_templates(folder, tmp_path / "kept", 30.0)


def test_a_logo_of_40_mb_is_refused_before_it_is_read(folder, tmp_path):
    with (folder / "logo.png").open("wb") as file:
        file.truncate(40_000_000)
    with pytest.raises(InputError, match=r"logo\.png: has 40\.0 MB; expected at most 256 kB"):
        try_templates(folder, tmp_path / "kept", 30.0)


def test_a_file_of_no_use_and_a_missing_folder_are_one_clear_line(folder, tmp_path):
    (folder / "notes.docx").write_bytes(b"x")
    with pytest.raises(InputError, match=r"notes\.docx: expected a file of \.typ, \.png"):
        try_templates(folder, tmp_path / "kept", 30.0)
    with pytest.raises(InputError, match="expected a folder of templates"):
        try_templates(tmp_path / "nowhere", tmp_path / "kept", 30.0)


def test_what_is_no_picture_is_told(folder, tmp_path):
    (folder / "logo.png").write_bytes(b"not a picture")
    edited(folder, logo='"logo.png"')
    with pytest.raises(ReportFailed, match=r"look\.typ, line \d+: failed to decode image"):
        try_templates(folder, tmp_path / "kept", 30.0)


def test_only_the_newest_good_templates_are_kept(folder, tmp_path):
    edited(folder, name='"One"')
    first = try_templates(folder, tmp_path / "kept", 30.0)
    edited(folder, name='"Two"')
    second = try_templates(folder, tmp_path / "kept", 30.0)
    keep_only(second)
    assert second != first
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [second.name]
