"""API keys: create, list, rotate and revoke; the master keys: rotate."""

from datetime import datetime
from typing import Any

import click

from crm_saas import operator
from crm_saas.access.roles import ROLES
from crm_saas.cli.shared import as_json, load_settings, run, show


@click.group()
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
    key = run(
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
    show(key, f"{key.key}\n(id {key.id}; shown this once)", json_output=json_output)


@keys.command("list")
@click.option("--tenant", required=True, help="The tenant's slug.")
@as_json
def list_keys(tenant: str, json_output: bool) -> None:
    """List a tenant's keys, without their secrets."""
    found = run(lambda settings: operator.list_keys(settings, tenant=tenant))
    lines = "\n".join(
        f"{k.id}  {k.role:14} {k.hint:16} {'revoked' if k.revoked_at else 'active':8} {k.name}"
        for k in found
    )
    show(found, lines or "There are no keys yet.", json_output=json_output)


@keys.command("rotate")
@click.argument("key_id", type=click.UUID)
@click.option("--tenant", required=True, help="The tenant's slug.")
@click.option("--overlap-hours", type=click.IntRange(0, 720), default=24, show_default=True)
@as_json
def rotate_key(key_id: Any, tenant: str, overlap_hours: int, json_output: bool) -> None:
    """Replace a key; the old one goes on working for the overlap."""
    key = run(
        lambda settings: operator.rotate_key(
            settings, tenant=tenant, key_id=key_id, overlap_seconds=overlap_hours * 3600
        )
    )
    show(key, f"{key.key}\n(id {key.id}; shown this once)", json_output=json_output)


@keys.command("revoke")
@click.argument("key_id", type=click.UUID)
@click.option("--tenant", required=True, help="The tenant's slug.")
@as_json
def revoke_key(key_id: Any, tenant: str, json_output: bool) -> None:
    """Refuse a key from the next request on."""
    key = run(lambda settings: operator.revoke_key(settings, tenant=tenant, key_id=key_id))
    show(key, f"The key {key.hint} is revoked.", json_output=json_output)


@keys.command("rotate-master")
@as_json
def rotate_master(json_output: bool) -> None:
    """Move what is stored to the newest key of CRM_MASTER_KEYS, and say which ones may go."""
    from crm_saas.rotation import rotate_master as rotate

    done = rotate(load_settings(), lambda what, rows: click.echo(f"… {what}: {rows:,}", err=True))
    if json_output:
        show(done, "", json_output=True)
        return
    for what, rows in done.moved.items():
        click.echo(f"{rows:>10,}  {what}")
    click.echo(f"The newest key is {done.newest}.")
    for key in done.missing_keys:
        click.echo(f"Key {key.version} is missing: {', '.join(key.needed_by)} need it.")
    for key in done.old_keys:
        if key.needed_by:
            click.echo(f"Keep key {key.version}: {', '.join(key.needed_by)} need it. Run it again.")
        else:
            click.echo(
                f"Key {key.version} may be dropped. Codes sent in the five minutes before have to "
                "be asked for again, and the day's budgets of codes begin anew."
            )
