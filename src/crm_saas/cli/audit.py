"""The audit trail: verify its chain, and print its heads to keep elsewhere."""

import sys
from pathlib import Path

import click
import msgspec

from crm_saas.cli.shared import as_json, load_settings, show


@click.group()
def audit() -> None:
    """Verify the audit trail."""


@audit.command("verify")
@click.option("--tenant", help="The tenant's slug; all tenants if none is given.")
@click.option(
    "--heads",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Heads that `audit heads` printed earlier: finds a whole chain rolled back.",
)
@as_json
def verify(tenant: str | None, heads: Path | None, json_output: bool) -> None:
    """Check every event against its seal; exit code 1 when something was tampered with."""
    from crm_saas.audit.auditing import read_anchors, verify_trails

    settings = load_settings()
    reports = []
    for report in verify_trails(
        settings,
        slug=tenant,
        anchors=read_anchors(heads) if heads else (),
        progress=lambda done: click.echo(f"… {done:,} events", err=True),
    ):
        reports.append(report)
        if json_output:
            continue
        mark = "FAIL" if report.faults_found else "ok  "
        click.echo(
            f"{mark}  {report.slug}: {report.sealed:,} events sound, {report.waiting:,} to seal, "
            f"{report.erased:,} erased, {report.faults_found:,} faults"
        )
        for fault in report.faults:
            click.echo(f"      {fault.where}: {fault.what}")
    if json_output:
        show(reports, "", json_output=True)
    if any(report.faults_found for report in reports):
        sys.exit(1)


@audit.command("heads")
def heads() -> None:
    """Print where each chain ends, a line a tenant, to be kept outside the database."""
    from crm_saas.audit.auditing import read_heads

    for head in read_heads(load_settings()):
        click.echo(msgspec.json.encode(head).decode())
