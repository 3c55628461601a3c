"""Members of staff."""

from typing import Any

import click

from crm_saas import operator
from crm_saas.access.roles import ROLES
from crm_saas.cli.shared import as_json, run, show


@click.group()
def staff() -> None:
    """Add members of staff."""


@staff.command("add")
@click.option("--tenant", required=True, help="The tenant's slug.")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", required=True, type=click.Choice([r for r in ROLES if r != "publishable"]))
@click.option("--team", help="Made if there is none of this name.")
@click.option("--password-file", type=click.File(), help="- reads standard input.")
@as_json
def add_staff(
    tenant: str,
    email: str,
    name: str,
    role: str,
    team: str | None,
    password_file: Any,
    json_output: bool,
) -> None:
    """Add a person to a tenant. The password of an account that exists stays as it is."""
    if password_file is not None:
        password = password_file.readline().rstrip("\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    member = run(
        lambda settings: operator.add_staff(
            settings,
            tenant=tenant,
            email=email,
            name=name,
            role=role,
            team=team,
            password=password,
        )
    )
    show(member, f"{member.name} is {member.role} at {tenant}.", json_output=json_output)
