"""Tenants: create, list, configure, suspend and resume."""

from typing import Any

import click

from crm_saas import operator
from crm_saas.cli.shared import as_json, run, show


@click.group()
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
    tenant = run(lambda settings: operator.create_tenant(settings, **fields))
    show(tenant, f"Created the tenant {tenant.slug} ({tenant.id}).", json_output=json_output)


@tenants.command("list")
@as_json
def list_tenants(json_output: bool) -> None:
    """List all tenants."""
    found = run(operator.list_tenants)
    lines = "\n".join(f"{t.slug:30} {t.status:10} {t.name}" for t in found)
    show(found, lines or "There are no tenants yet.", json_output=json_output)


@tenants.command("configure")
@click.option("--slug", required=True)
@click.option("--number-prefix", help="For new numbers only.")
@click.option("--number-width", type=click.IntRange(1, 18), help="For new numbers only.")
@click.option("--guest-expiry-days", type=click.IntRange(1, 3650))
@click.option("--merge-undo-days", type=click.IntRange(0, 3650))
@click.option("--requests-per-minute", type=click.IntRange(0, 10_000_000), help="0 is no limit.")
@click.option(
    "--requests-per-minute-key",
    type=click.IntRange(0, 10_000_000),
    help="Of each key and each staff session.",
)
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
    **numbers: int | None,
) -> None:
    """Change a tenant's number format and policies; what is not given stays."""
    policies: dict[str, Any] = {name: value for name, value in numbers.items() if value is not None}
    if journey_stages is not None:
        policies["journey_stages"] = [stage.strip() for stage in journey_stages.split(",")]
    if preferences_schema is not None:
        policies["preferences_schema"] = operator.read_json_schema(preferences_schema.read())
    tenant = run(
        lambda settings: operator.configure_tenant(
            settings,
            slug=slug,
            policies=policies,
            number_prefix=number_prefix,
            number_width=number_width,
        )
    )
    show(tenant, f"The tenant {tenant.slug} is configured.", json_output=json_output)


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
    tenant = run(lambda settings: operator.set_tenant_status(settings, slug, status))
    show(tenant, f"The tenant {tenant.slug} is {tenant.status}.", json_output=json_output)
