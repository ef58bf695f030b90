"""Everything that the packages import is declared, so that a new machine has it."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("qc_daemon", "instruments", "models", "storage", "reports")


def imported_packages() -> dict[str, str]:
    """Return each foreign top-level package that is imported, and one file that does."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module:
                    names = [node.module]
                for name in names:
                    found.setdefault(name.partition(".")[0], str(file.relative_to(ROOT)))
    foreign = set(found) - set(sys.stdlib_module_names) - set(PACKAGES)
    return {name: found[name] for name in foreign}


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {re.split(r"[\\[<>=~! ]", line, maxsplit=1)[0].lower() for line in project["dependencies"]}


def test_every_imported_package_is_a_declared_dependency() -> None:
    owners = packages_distributions()
    for name, file in imported_packages().items():
        distributions = {owner.lower().replace("_", "-") for owner in owners.get(name, [])}
        assert distributions & declared(), f"{file} imports {name}, which pyproject.toml does not declare"
