"""Parked jobs: those that failed for good and wait for somebody to look."""

from collections.abc import Awaitable, Callable

import click

from crm_saas.cli.shared import as_json, run, show
from crm_saas.kit.queue import parked as parked_jobs
from crm_saas.kit.queue.parked import ParkedJob
from crm_saas.kit.settings import Settings

Verb = Callable[[Settings, int], Awaitable[ParkedJob]]


@click.group()
def jobs() -> None:
    """List, show, retry and remove jobs that failed for good."""


@jobs.command("list")
@as_json
def list_jobs(json_output: bool) -> None:
    """List the parked jobs, the newest first."""
    parked = run(parked_jobs.list_parked)
    lines = "\n".join(_line(job) for job in parked)
    show(parked, lines or "No job is parked.", json_output=json_output)


@jobs.command("show")
@click.argument("job_id", type=int)
@as_json
def show_job(job_id: int, json_output: bool) -> None:
    """Show a parked job and what happened to it; the reason is in the worker's log."""
    found = run(lambda settings: parked_jobs.show_parked(settings, job_id))
    lines = [_line(found.job)]
    lines += [f"    {name}: {value}" for name, value in sorted(found.job.arguments.items())]
    lines += [f"    {entry.at:%Y-%m-%d %H:%M:%S}  {entry.what}" for entry in found.history]
    show(found, "\n".join(lines), json_output=json_output)


@jobs.command("retry")
@click.argument("job_ids", type=int, nargs=-1, required=True)
@as_json
def retry_jobs(job_ids: tuple[int, ...], json_output: bool) -> None:
    """Put parked jobs back into the queue, with all of their tries."""
    _each(parked_jobs.retry_parked, job_ids, "waits for a worker again.", json_output=json_output)


@jobs.command("remove")
@click.argument("job_ids", type=int, nargs=-1, required=True)
@as_json
def remove_jobs(job_ids: tuple[int, ...], json_output: bool) -> None:
    """Remove parked jobs for good."""
    _each(parked_jobs.remove_parked, job_ids, "is removed.", json_output=json_output)


def _each(verb: Verb, job_ids: tuple[int, ...], outcome: str, *, json_output: bool) -> None:
    async def apply(settings: Settings) -> list[ParkedJob]:
        return [await verb(settings, number) for number in job_ids]

    done = run(apply)
    lines = "\n".join(f"Job {job.id} ({job.name}) {outcome}" for job in done)
    show(done, lines, json_output=json_output)


def _line(job: ParkedJob) -> str:
    parked_at = f"{job.parked_at:%Y-%m-%d %H:%M:%S}" if job.parked_at else "?"
    tenant = job.arguments.get("tenant_id", "all tenants")
    return f"{job.id:<10} {job.name:32} {parked_at} UTC  {job.attempts} tries  {tenant}"
