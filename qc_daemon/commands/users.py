"""Commands of the console for people: users add, list, reset, disable, enable."""

from dataclasses import asdict
from typing import Annotated

import typer

from qc_daemon.commands.line import ConfigOption, JsonOption
from qc_daemon.commands.output import console, print_json, table
from qc_daemon.config import DEFAULT_FILE, load_config
from qc_daemon.domain.people import Role
from qc_daemon.domain.requests import AddPerson, DisablePerson, Request, ResetPassword
from qc_daemon.wiring.people import ask_at_console, known_people

users = typer.Typer(help="People who may log in to the operators' page.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Name of the person.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(users, name="users")


@users.command("list")
def list_people(config: ConfigOption = DEFAULT_FILE, as_json: JsonOption = False) -> None:
    """List everybody, with their roles."""
    people = known_people(load_config(config))
    if as_json:
        print_json([asdict(person) | {"added_at": person.added_at.isoformat()} for person in people])
        return
    rows = table("name", "role", "state", "added")
    for person in people:
        state = "disabled" if person.disabled else "may log in"
        rows.add_row(person.name, person.role.value, state, person.added_at.isoformat(timespec="seconds"))
    console().print(rows)


@users.command()
def add(
    name: NameArgument,
    role: Annotated[Role, typer.Option(help="What the person may do.")],
    config: ConfigOption = DEFAULT_FILE,
) -> None:
    """Add a person and print their first password, once."""
    typer.echo(_asked(config, AddPerson(name, role)))


@users.command()
def reset(name: NameArgument, config: ConfigOption = DEFAULT_FILE) -> None:
    """Give a person a new password and print it, once; all of their sessions end."""
    typer.echo(_asked(config, ResetPassword(name)))


@users.command()
def disable(name: NameArgument, config: ConfigOption = DEFAULT_FILE) -> None:
    """Let a person in no more; their sessions end at once."""
    _asked(config, DisablePerson(name, True))


@users.command()
def enable(name: NameArgument, config: ConfigOption = DEFAULT_FILE) -> None:
    """Let a disabled person in again."""
    _asked(config, DisablePerson(name, False))


def _asked(config: ConfigOption, request: Request) -> str:
    return ask_at_console(load_config(config), request)
