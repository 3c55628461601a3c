"""Tenants, again: export, import and delete one."""

from pathlib import Path

import click

from crm_saas.cli.shared import as_json, run, show
from crm_saas.cli.tenants import tenants
from crm_saas.kit.errors import InvalidInput

__all__ = ["tenants"]


def _tell(line: str) -> None:
    """Progress goes where it is in nobody's way."""
    click.echo(line, err=True)


@tenants.command("export")
@click.option("--slug", required=True, help="Which tenant.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
@as_json
def export_tenant(slug: str, file: Path, json_output: bool) -> None:
    """Write everything of a tenant into FILE (`-`: standard output).

    It holds personal data and the staff's password hashes: keep it encrypted. It can be imported
    only where CRM_MASTER_KEYS has the key that is the newest one now.
    """
    from crm_saas.backup import exporting

    to_pipe = str(file) == "-"
    with exporting.standard_output() if to_pipe else exporting.new_file(file) as out:
        manifest = run(
            lambda settings: exporting.export_tenant(settings, slug=slug, out=out, tell=_tell)
        )
    rows = sum(content.rows for content in manifest.tables.values())
    line = f"Exported the tenant {slug} to {file}: {rows:,} rows."
    if to_pipe:
        _tell(line)
    else:
        show(manifest, line, json_output=json_output)


@tenants.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--as", "as_slug", metavar="NEW_SLUG", help="Beside the original, as a new tenant.")
@as_json
def import_tenant(file: Path, as_slug: str | None, json_output: bool) -> None:
    """Bring a tenant back from FILE, as it was; all of it or nothing.

    With --as it becomes a new tenant with an id of its own: its API keys, stored answers and the
    seals of its trail are left out, since the old id is in them.
    """
    from crm_saas.backup import importing

    imported = run(
        lambda settings: importing.import_tenant(settings, path=file, as_slug=as_slug, tell=_tell)
    )
    line = f"Imported the tenant {imported.slug} ({imported.id}): {imported.rows:,} rows."
    if imported.left_out:
        line += (
            f"\nLeft out, since the old tenant's id is in them: {', '.join(imported.left_out)}."
            f"\nMake new keys: crm-saas keys create --tenant {imported.slug} --role owner"
        )
    show(imported, line, json_output=json_output)


@tenants.command("delete")
@click.option("--slug", required=True, help="Which tenant.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@as_json
def delete_tenant(slug: str, yes: bool, json_output: bool) -> None:
    """Delete a suspended tenant and every row of it. It comes back from an export only."""
    from crm_saas.backup import deleting

    if not yes and click.prompt(f"Type {slug} to delete it with all its data", err=True) != slug:
        raise InvalidInput.of("slug", "is not what you typed; nothing was deleted")
    deleted = run(lambda settings: deleting.delete_tenant(settings, slug=slug, tell=_tell))
    rows = sum(deleted.rows.values())
    show(deleted, f"Deleted the tenant {slug}: {rows:,} rows.", json_output=json_output)
