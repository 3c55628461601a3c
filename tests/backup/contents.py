"""Everything that a database holds, tenant by tenant, to the byte."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import sql

from crm_saas.kit.schema import tenant_tables
from crm_saas.kit.settings import Settings

Content = dict[str, list[str]]


def content(settings: Settings, tenant_id: UUID | None = None) -> Content:
    """All rows as text, of one tenant or of every table whatever."""
    with psycopg.connect(settings.url("crm_dump"), autocommit=True) as connection:
        tables = tenant_tables(connection)
        if tenant_id is None:
            tables += [
                name
                for (name,) in connection.execute(
                    r"select relname from pg_class where relname like 'sys\_%' and relkind = 'r'"
                )
            ]
        where = "" if tenant_id is None else f"where tenant_org_id = '{tenant_id}'"
        return {
            table: [
                row
                for (row,) in connection.execute(
                    sql.SQL("select t::text from {} t {} order by 1").format(
                        sql.Identifier(table), sql.SQL(where)
                    )
                )
            ]
            for table in sorted(tables)
        }


def mentions(settings: Settings, tenant_id: UUID) -> list[str]:
    """Tables with a row that names the tenant, the job queue's among them."""
    found = [
        table
        for table, rows in content(settings).items()
        if any(str(tenant_id) in row for row in rows)
    ]
    with psycopg.connect(settings.url("crm_worker")) as worker:
        jobs = worker.execute(
            "select count(*) from jobs.procrastinate_jobs where args ->> 'tenant_id' = %s",
            [str(tenant_id)],
        ).fetchone()
    return found + (["jobs"] if jobs and jobs[0] else [])


def rewritten(archive: Path, folder: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """A copy of the archive with other files in it; None leaves one out."""
    copy = folder / "rewritten.zip"
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(copy, "w") as target:
        for name in source.namelist():
            changed = change(name, source.read(name))
            if changed is not None:
                target.writestr(name, changed)
    return copy
