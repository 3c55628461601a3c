"""The command `crm-saas`. Each command does one thing and says in a sentence what went wrong.

What only one command needs is imported in it: the whole application takes seconds to load, and
whoever suspends a tenant should not wait for it.
"""

import sys

import click
import psycopg
from sqlalchemy.exc import DBAPIError

from crm_saas.cli import audit, backups, deploying, jobs, keys, processes, staff
from crm_saas.kit.errors import Problem
from crm_saas.kit.guard import UnsafeDatabase
from crm_saas.kit.postgres.embedded import EmbeddedPostgresError
from crm_saas.kit.settings import SettingsError

_EXPECTED = (Problem, SettingsError, UnsafeDatabase, EmbeddedPostgresError)


@click.group()
def cli() -> None:
    """A multi-tenant customer platform."""


def main() -> None:
    """Entry point: expected failures end in one sentence and exit code 1."""
    try:
        cli()
    except _EXPECTED as error:
        detail = error.detail if isinstance(error, Problem) else str(error)
        click.echo(f"crm-saas: {detail}", err=True)
        sys.exit(1)
    except (DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        click.echo(f"crm-saas: the database refused: {cause}", err=True)
        sys.exit(1)


for command in (
    processes.up,
    processes.serve,
    processes.worker,
    processes.migrate,
    processes.doctor,
    backups.tenants,
    keys.keys,
    staff.staff,
    audit.audit,
    jobs.jobs,
    deploying.new_master_key,
    deploying.print_openapi,
    deploying.compose_environment,
    deploying.role_urls,
    deploying.pgbouncer_userlist,
):
    cli.add_command(command)
