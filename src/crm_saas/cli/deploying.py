"""What a deployment asks for once: keys, URLs, lists of users, the OpenAPI document."""

from pathlib import Path

import click
import msgspec

from crm_saas.cli.shared import load_settings
from crm_saas.kit import deployment
from crm_saas.kit.settings import Settings


@click.command("new-master-key")
@click.option("--version", type=click.IntRange(1, 65535), default=1, show_default=True)
def new_master_key(version: int) -> None:
    """Print a new key for CRM_MASTER_KEYS; a higher version beside the old ones rotates."""
    click.echo(deployment.new_master_key(version))


@click.command("openapi")
def print_openapi() -> None:
    """Print the OpenAPI document, which clients are generated from; needs no database."""
    from crm_saas.app import create_litestar

    # Nothing connects before the application starts.
    application = create_litestar(Settings(role_urls={"crm_app": "postgresql://"}))
    document = msgspec.json.encode(application.openapi_schema.to_schema())
    click.echo(msgspec.json.format(document).decode())


@click.command("compose-environment")
def compose_environment() -> None:
    """Print fresh secrets for deploy/compose.yaml, to be kept in deploy/.env."""
    for name, value in deployment.compose_environment().items():
        click.echo(f"{name}={value}")


@click.command("role-urls")
@click.option("--pgbouncer", metavar="HOST:PORT", help="Where PgBouncer listens, if there is one.")
def role_urls(pgbouncer: str | None) -> None:
    """Print the database URLs for API and worker, made from the owner's."""
    host, _, port = (pgbouncer or "").rpartition(":")
    if pgbouncer and not (host and port.isdigit()):
        raise click.UsageError("--pgbouncer takes HOST:PORT.")
    place = (host, int(port)) if pgbouncer else None
    for name, value in deployment.role_urls(load_settings(), pgbouncer=place).items():
        click.echo(f"{name}={value}")


@click.command("pgbouncer-userlist")
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
