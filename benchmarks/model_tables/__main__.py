"""`make bench-models`: the comparison tables, on the terminal as markdown.

    QC_DATA=<folder of recorded data> python -m benchmarks.model_tables real|virtual|all
        [--tasks NAME...] [--methods NAME...] [--seeds N...] [--again] [--docs]

Each measurement is appended to `benchmarks/results/` as it is made; what is there already is not
measured twice, so a run that was killed goes on.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from benchmarks.docs_section import put_section
from benchmarks.model_tables import real, virtual
from benchmarks.model_tables.contestants import CONTESTANTS
from benchmarks.model_tables.measuring import Selection
from qc_daemon.domain.errors import QcError

TABLES: Mapping[str, Callable[[Selection], str]] = MappingProxyType({
    "real": real.run,
    "virtual": virtual.run,
})  # fmt: skip
HEADINGS: Mapping[str, str] = MappingProxyType({
    "real": "Recorded data",
    "virtual": "Virtual specimens: simulated results",
})  # fmt: skip
DOCS = Path(__file__).parents[2] / "docs" / "model_tables.md"


def main() -> None:
    """Measure and print the tables that are asked for."""
    arguments = _parser().parse_args()
    selection = Selection(
        tuple(arguments.tasks),
        tuple(arguments.methods),
        tuple(arguments.seeds),
        arguments.again,
        arguments.work,
    )
    for name in TABLES if arguments.table == "all" else (arguments.table,):
        try:
            tables = TABLES[name](selection)
        except QcError as error:
            print(error, file=sys.stderr)
            sys.exit(error.exit_status)
        print(tables)
        if arguments.docs:
            put_section(DOCS, f"## {HEADINGS[name]}\n\n{tables}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_tables", description="Compare methods.")
    methods = tuple(dict.fromkeys((*CONTESTANTS, *virtual.METHODS)))
    parser.add_argument("table", choices=(*TABLES, "all"))
    parser.add_argument("--tasks", nargs="+", default=[], metavar="NAME", help="only these; default all")
    parser.add_argument(
        "--methods", nargs="+", default=[], choices=methods, metavar="NAME", help=", ".join(methods)
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="N", help="default 0")
    parser.add_argument(
        "--work", type=Path, default=Selection().work, help="where virtual specimens are kept"
    )
    parser.add_argument("--again", action="store_true", help="measure anew what is measured already")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/model_tables.md")
    return parser


if __name__ == "__main__":
    main()
