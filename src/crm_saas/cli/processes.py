"""The processes, and what prepares and examines their database."""

import asyncio
import sys

import click

from crm_saas.cli.shared import as_json, load_settings, run, show
from crm_saas.kit.telemetry.logs import configure_logs


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, envvar="PORT", default=8000, show_default=True)
def up(host: str, port: int) -> None:
    """Everything for development: PostgreSQL, migrations, demo tenants, API and worker."""
    from crm_saas import running

    running.up(host=host, port=port)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, envvar="PORT", default=8000, show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True)
def serve(host: str, port: int, workers: int) -> None:
    """The API alone, as production runs it."""
    from crm_saas import running

    running.serve(load_settings(), host=host, port=port, workers=workers)


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where CRM_METRICS_PORT listens."
)
def worker(host: str) -> None:
    """The worker alone, as production runs it."""
    from crm_saas.kit.telemetry import tracing
    from crm_saas.worker import serve as serve_jobs

    settings = load_settings()
    configure_logs(production=settings.environment == "production")
    tracing.configure("crm-saas-worker")
    asyncio.run(serve_jobs(settings, host=host))


@click.command()
@click.option("--roles-only", is_flag=True, help="For pg_restore into an empty database.")
@as_json
def migrate(roles_only: bool, json_output: bool) -> None:
    """Bring the database to what this version expects."""
    from crm_saas.kit import schema

    if roles_only:
        schema.make_roles(load_settings())
        show({"roles": True}, "The roles are there.", json_output=json_output)
        return
    schema.migrate(load_settings())
    show({"migrated": True}, "The database is up to date.", json_output=json_output)


@click.command()
@as_json
def doctor(json_output: bool) -> None:
    """Prove isolation on the live database; exit code 1 when something is wrong."""
    from crm_saas.doctor import examine

    findings = run(examine)
    if json_output:
        show(findings, "", json_output=True)
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.check}: {finding.detail}")
    if not all(finding.ok for finding in findings):
        sys.exit(1)
