"""Puts what a benchmark measured into a page of the docs, in the place of what it measured before."""

import re
from pathlib import Path


def put_section(page: Path, section: str) -> None:
    """Put a section, which begins with its heading `## ...`, in the place of the old one, or at the end."""
    text = page.read_text(encoding="utf-8")
    heading = section.partition("\n")[0]
    old = re.compile(rf"^{re.escape(heading)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    found = old.search(text)
    before, after = (text[: found.start()], text[found.end() :]) if found else (f"{text.rstrip()}\n\n", "")
    page.write_text(f"{before}{section.rstrip()}\n\n{after}".rstrip() + "\n", encoding="utf-8")
