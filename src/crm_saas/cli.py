"""The command `crm-saas`. Each command does one thing and says in a sentence what went wrong.

What only one command needs is imported in it: the whole application takes seconds to load, and
whoever suspends a tenant should not wait for it.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
import psycopg
from sqlalchemy.exc import DBAPIError

from crm_saas import operator
from crm_saas.access.roles import ROLES
from crm_saas.kit import deployment
from crm_saas.kit.embedded import EmbeddedPostgres, EmbeddedPostgresError
from crm_saas.kit.errors import Problem
from crm_saas.kit.guard import UnsafeDatabase
from crm_saas.kit.logs import configure_logs
from crm_saas.kit.settings import Settings, SettingsError, data_folder

T = TypeVar("T")
_EXPECTED = (Problem, SettingsError, UnsafeDatabase, EmbeddedPostgresError)

as_json = click.option("--json", "json_output", is_flag=True, help="Print JSON.")


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


def load_settings() -> Settings:
    """From the environment; without DATABASE_URL, the database that `make run` keeps running."""
    if not os.environ.get("DATABASE_URL"):
        url = EmbeddedPostgres.running_url(data_folder())
        if url is not None:
            os.environ["DATABASE_URL"] = url
    return Settings.from_environment()


def _show(value: Any, line: str, *, json_output: bool) -> None:
    if json_output:
        click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
    else:
        click.echo(line)


def _run(work: Callable[[Settings], Awaitable[T]]) -> T:
    settings = load_settings()

    async def run() -> T:
        return await work(settings)

    return asyncio.run(run())


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, envvar="PORT", default=8000, show_default=True)
def up(host: str, port: int) -> None:
    """Everything for development: PostgreSQL, migrations, demo tenants, API and worker."""
    from crm_saas import running

    running.up(host=host, port=port)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, envvar="PORT", default=8000, show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True)
def serve(host: str, port: int, workers: int) -> None:
    """The API alone, as production runs it."""
    from crm_saas import running

    running.serve(load_settings(), host=host, port=port, workers=workers)


@cli.command()
def worker() -> None:
    """The worker alone, as production runs it."""
    from crm_saas.worker import serve as serve_jobs

    settings = load_settings()
    configure_logs(production=settings.environment == "production")
    asyncio.run(serve_jobs(settings))


@cli.command()
@as_json
def migrate(json_output: bool) -> None:
    """Bring the database to what this version expects."""
    from crm_saas.kit.schema import migrate as migrate_database

    migrate_database(load_settings())
    _show({"migrated": True}, "The database is up to date.", json_output=json_output)


@cli.command()
@as_json
def doctor(json_output: bool) -> None:
    """Prove isolation on the live database; exit code 1 when something is wrong."""
    from crm_saas.doctor import examine

    findings = _run(examine)
    if json_output:
        _show(findings, "", json_output=True)
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.check}: {finding.detail}")
    if not all(finding.ok for finding in findings):
        sys.exit(1)


@cli.group()
def tenants() -> None:
    """Create, list and suspend tenants."""


@tenants.command("create")
@click.option("--slug", required=True, help="Lower-case letters, digits and hyphens.")
@click.option("--name", required=True)
@click.option("--name2", help="The name in Arabic.")
@click.option("--region", default="OM", show_default=True, help="ISO 3166, for phones.")
@click.option("--currency", default="OMR", show_default=True)
@click.option("--locale", default="en", show_default=True)
@click.option("--time-zone", default="Asia/Muscat", show_default=True)
@click.option("--number-prefix", default="CUST-", show_default=True)
@click.option("--number-width", type=click.IntRange(1, 18), default=5, show_default=True)
@as_json
def create_tenant(json_output: bool, **fields: Any) -> None:
    """Create a tenant."""
    tenant = _run(lambda settings: operator.create_tenant(settings, **fields))
    _show(tenant, f"Created the tenant {tenant.slug} ({tenant.id}).", json_output=json_output)


@tenants.command("list")
@as_json
def list_tenants(json_output: bool) -> None:
    """List all tenants."""
    found = _run(operator.list_tenants)
    lines = "\n".join(f"{t.slug:30} {t.status:10} {t.name}" for t in found)
    _show(found, lines or "There are no tenants yet.", json_output=json_output)


@tenants.command("configure")
@click.option("--slug", required=True)
@click.option("--number-prefix", help="For new numbers only.")
@click.option("--number-width", type=click.IntRange(1, 18), help="For new numbers only.")
@click.option("--guest-expiry-days", type=click.IntRange(1, 3650))
@click.option("--merge-undo-days", type=click.IntRange(0, 3650))
@click.option("--journey-stages", help="Comma-separated, in order.")
@click.option("--preferences-schema", type=click.File("rb"), help="A JSON Schema.")
@as_json
def configure_tenant(
    slug: str,
    number_prefix: str | None,
    number_width: int | None,
    journey_stages: str | None,
    preferences_schema: Any,
    json_output: bool,
    **days: int | None,
) -> None:
    """Change a tenant's number format and policies; what is not given stays."""
    policies: dict[str, Any] = {name: value for name, value in days.items() if value is not None}
    if journey_stages is not None:
        policies["journey_stages"] = [stage.strip() for stage in journey_stages.split(",")]
    if preferences_schema is not None:
        policies["preferences_schema"] = operator.read_json_schema(preferences_schema.read())
    tenant = _run(
        lambda settings: operator.configure_tenant(
            settings,
            slug=slug,
            policies=policies,
            number_prefix=number_prefix,
            number_width=number_width,
        )
    )
    _show(tenant, f"The tenant {tenant.slug} is configured.", json_output=json_output)


@tenants.command("suspend")
@click.argument("slug_argument", metavar="[SLUG]", required=False)
@click.option("--slug", help="Which tenant.")
@as_json
def suspend_tenant(slug_argument: str | None, slug: str | None, json_output: bool) -> None:
    """Refuse all requests of a tenant from now on; nothing is deleted."""
    _set_status(slug or slug_argument, "suspended", json_output)


@tenants.command("resume")
@click.argument("slug_argument", metavar="[SLUG]", required=False)
@click.option("--slug", help="Which tenant.")
@as_json
def resume_tenant(slug_argument: str | None, slug: str | None, json_output: bool) -> None:
    """Serve a suspended tenant again."""
    _set_status(slug or slug_argument, "active", json_output)


def _set_status(slug: str | None, status: str, json_output: bool) -> None:
    if not slug:
        raise click.UsageError("Name the tenant with --slug.")
    tenant = _run(lambda settings: operator.set_tenant_status(settings, slug, status))
    _show(tenant, f"The tenant {tenant.slug} is {tenant.status}.", json_output=json_output)


@cli.group()
def keys() -> None:
    """Create, list, rotate and revoke API keys."""


@keys.command("create")
@click.option("--tenant", required=True, help="The tenant's slug.")
@click.option("--role", required=True, type=click.Choice(list(ROLES)))
@click.option("--name", help="What the key is for; the role if none is given.")
@click.option("--scope", "scopes", multiple=True, help="Narrow the role to these permissions.")
@click.option("--team", help="The team whose customers a sales_manager key sees.")
@click.option("--member", help="The e-mail of the member whose customers a support key sees.")
@click.option("--expires-at", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="UTC.")
@as_json
def create_key(
    tenant: str,
    role: str,
    name: str | None,
    scopes: tuple[str, ...],
    team: str | None,
    member: str | None,
    expires_at: datetime | None,
    json_output: bool,
) -> None:
    """Create a key; it is shown this once."""
    key = _run(
        lambda settings: operator.create_key(
            settings,
            tenant=tenant,
            role=role,
            name=name or role,
            scopes=list(scopes) or None,
            team=team,
            member=member,
            expires_at=expires_at,
        )
    )
    _show(key, f"{key.key}\n(id {key.id}; shown this once)", json_output=json_output)


@keys.command("list")
@click.option("--tenant", required=True, help="The tenant's slug.")
@as_json
def list_keys(tenant: str, json_output: bool) -> None:
    """List a tenant's keys, without their secrets."""
    found = _run(lambda settings: operator.list_keys(settings, tenant=tenant))
    lines = "\n".join(
        f"{k.id}  {k.role:14} {k.hint:16} {'revoked' if k.revoked_at else 'active':8} {k.name}"
        for k in found
    )
    _show(found, lines or "There are no keys yet.", json_output=json_output)


@keys.command("rotate")
@click.argument("key_id", type=click.UUID)
@click.option("--tenant", required=True, help="The tenant's slug.")
@click.option("--overlap-hours", type=click.IntRange(0, 720), default=24, show_default=True)
@as_json
def rotate_key(key_id: Any, tenant: str, overlap_hours: int, json_output: bool) -> None:
    """Replace a key; the old one goes on working for the overlap."""
    key = _run(
        lambda settings: operator.rotate_key(
            settings, tenant=tenant, key_id=key_id, overlap_seconds=overlap_hours * 3600
        )
    )
    _show(key, f"{key.key}\n(id {key.id}; shown this once)", json_output=json_output)


@keys.command("revoke")
@click.argument("key_id", type=click.UUID)
@click.option("--tenant", required=True, help="The tenant's slug.")
@as_json
def revoke_key(key_id: Any, tenant: str, json_output: bool) -> None:
    """Refuse a key from the next request on."""
    key = _run(lambda settings: operator.revoke_key(settings, tenant=tenant, key_id=key_id))
    _show(key, f"The key {key.hint} is revoked.", json_output=json_output)


@cli.group()
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
    member = _run(
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
    _show(member, f"{member.name} is {member.role} at {tenant}.", json_output=json_output)


@cli.command("new-master-key")
@click.option("--version", type=click.IntRange(1, 65535), default=1, show_default=True)
def new_master_key(version: int) -> None:
    """Print a new key for CRM_MASTER_KEYS; a higher version beside the old ones rotates."""
    click.echo(deployment.new_master_key(version))


@cli.command("openapi")
def print_openapi() -> None:
    """Print the OpenAPI document, which clients are generated from; needs no database."""
    from crm_saas.app import create_litestar

    # Nothing connects before the application starts.
    application = create_litestar(Settings(role_urls={"crm_app": "postgresql://"}))
    document = msgspec.json.encode(application.openapi_schema.to_schema())
    click.echo(msgspec.json.format(document).decode())


@cli.command("compose-environment")
def compose_environment() -> None:
    """Print fresh secrets for deploy/compose.yaml, to be kept in deploy/.env."""
    for name, value in deployment.compose_environment().items():
        click.echo(f"{name}={value}")


@cli.command("role-urls")
@click.option("--pgbouncer", metavar="HOST:PORT", help="Where PgBouncer listens, if there is one.")
def role_urls(pgbouncer: str | None) -> None:
    """Print the database URLs for API and worker, made from the owner's."""
    host, _, port = (pgbouncer or "").rpartition(":")
    if pgbouncer and not (host and port.isdigit()):
        raise click.UsageError("--pgbouncer takes HOST:PORT.")
    place = (host, int(port)) if pgbouncer else None
    for name, value in deployment.role_urls(load_settings(), pgbouncer=place).items():
        click.echo(f"{name}={value}")


@cli.command("pgbouncer-userlist")
@click.argument("path", type=click.Path(path_type=Path), required=False)
def pgbouncer_userlist(path: Path | None) -> None:
    """Write PgBouncer's userlist.txt for the roles that `migrate` makes."""
    from crm_saas.kit.pgbouncer import userlist

    content = userlist(load_settings())
    if path is None:
        click.echo(content, nl=False)
    else:
        path.touch(mode=0o600)
        path.chmod(0o600)  # it may have been there
        path.write_text(content)
