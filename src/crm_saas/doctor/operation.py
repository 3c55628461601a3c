"""What runs, and what the server keeps of it: the queue, the tables' version, settings that outlive
a transaction, values in PostgreSQL's own log.
"""

from collections.abc import Iterator

import psycopg

from crm_saas.doctor.checks import APP, ROLES, Check
from crm_saas.kit.health import is_behind

LATE_MINUTES_MAX = 15
SILENT_MINUTES_MAX = 5

_PARKED = """
    select j.task_name, count(*), min(j.id)
    from jobs.procrastinate_jobs j
    where j.status = 'failed'
    group by j.task_name
    order by j.task_name
"""
_LATE = """
    select j.queue_name, count(*)
    from jobs.procrastinate_jobs j
    where j.status = 'todo'
        and coalesce(
            j.scheduled_at,
            (select min(e.at) from jobs.procrastinate_events e where e.job_id = j.id)
        ) < now() - make_interval(mins => %s)
    group by j.queue_name
    order by j.queue_name
"""
_ABANDONED = """
    select count(*)
    from jobs.procrastinate_jobs j
    left join jobs.procrastinate_workers w on w.id = j.worker_id
    where j.status = 'doing'
        and coalesce(w.last_heartbeat, '-infinity') < now() - make_interval(mins => %s)
"""
# For a role, a database, or one in the other.
_LASTING = """
    select coalesce(r.rolname, 'every role'), setting
    from pg_db_role_setting s
    cross join unnest(s.setconfig) as setting
    left join pg_roles r on r.oid = s.setrole
    left join pg_database d on d.oid = s.setdatabase
    where (s.setdatabase = 0 or d.datname = current_database())
        and (s.setrole = 0 or r.rolname = any (%s))
    order by 1, 2
"""
_TIMEOUTS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_PREPARED = "select count(*) from pg_prepared_xacts where database = current_database()"
_LOGGED = """
    select
        current_setting('log_parameter_max_length_on_error') <> '0',
        current_setting('log_parameter_max_length') <> '0'
            and (
                current_setting('log_statement') in ('mod', 'all')
                or current_setting('log_min_duration_statement') <> '-1'
            )
"""


def find_old_tables(connection: psycopg.Connection) -> Iterator[str]:
    rows = connection.execute("select version_num from alembic_version").fetchall()
    if is_behind({revision for (revision,) in rows}):
        yield "The tables are of an older version, and no process is ready. Run `crm-saas migrate`."


def find_parked_jobs(connection: psycopg.Connection) -> Iterator[str]:
    for name, count, first in connection.execute(_PARKED).fetchall():
        yield (
            f"{count} of {name} failed for good, the first is job {first}: "
            "the worker's log says why."
        )


def find_late_jobs(connection: psycopg.Connection) -> Iterator[str]:
    for queue, count in connection.execute(_LATE, [LATE_MINUTES_MAX]).fetchall():
        yield (
            f"{count} jobs of {queue} have been due for more than {LATE_MINUTES_MAX} minutes. "
            "See that `crm-saas worker` runs, or run more of them."
        )
    row = connection.execute(_ABANDONED, [SILENT_MINUTES_MAX]).fetchone()
    if row and row[0]:
        yield (
            f"{row[0]} jobs belong to workers that have been silent for more than "
            f"{SILENT_MINUTES_MAX} minutes; a running worker would have taken them back."
        )


def find_lasting_settings(connection: psycopg.Connection) -> Iterator[str]:
    """A tenant that a session begins with is one that nobody resolved."""
    settings = connection.execute(_LASTING, [list(ROLES)]).fetchall()
    for role, setting in settings:
        if setting.startswith("app."):
            yield f"Sessions of {role} begin with {setting}. Run: alter role … reset …"
    held = {
        name: value
        for role, setting in settings
        if role == APP
        for name, _, value in [setting.partition("=")]
    }
    for name in _TIMEOUTS:
        if held.get(name, "0") in {"0", "0s", "0ms"}:
            yield f"{APP} has no {name}, so one statement can hold up all. Run `crm-saas migrate`."


def find_prepared_transactions(connection: psycopg.Connection) -> Iterator[str]:
    row = connection.execute(_PREPARED).fetchone()
    if row and row[0]:
        yield f"{row[0]} prepared transactions keep their locks until somebody ends them."


def find_logged_values(connection: psycopg.Connection) -> Iterator[str]:
    row = connection.execute(_LOGGED).fetchone()
    on_error, on_statement = row or (False, False)
    if on_error:
        yield (
            "PostgreSQL writes the values of failed statements into its log, which are personal "
            "data. Set log_parameter_max_length_on_error = 0."
        )
    if on_statement:
        yield (
            "PostgreSQL writes the values of statements into its log, which are personal data. "
            "Set log_parameter_max_length = 0."
        )


CHECKS = (
    Check("migrations", "The tables are those of this version.", find_old_tables),
    Check("parked jobs", "No job waits for somebody to look at it.", find_parked_jobs),
    Check("late jobs", "The workers keep up.", find_late_jobs),
    Check("lasting settings", "No session begins with a tenant.", find_lasting_settings),
    Check("prepared transactions", "None is left over.", find_prepared_transactions),
    Check("server log", "PostgreSQL's own log holds no values.", find_logged_values),
)
