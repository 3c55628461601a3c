"""The live database against the files in sql/: policies, functions, grants.

What the files declare is made for real, in a transaction that is rolled back, and PostgreSQL's own
reading of both is compared. Policies are made on an empty temporary twin of their table, so that
no table is locked; functions and grants lock only their own rows in the catalogue.
"""

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any

import psycopg
from psycopg import sql

from crm_saas.doctor.checks import APP, Check
from crm_saas.kit.schema import (
    MIGRATE_LOCK,
    SQL,
    apply_functions,
    declared_policies,
    tenant_tables,
)

_POLICIES = """
    select
        p.polname,
        p.polcmd::text,
        p.polpermissive,
        array(
            select coalesce(r.rolname, 'public')
            from unnest(p.polroles) as role (id)
            left join pg_roles r on r.oid = role.id
            order by 1
        ),
        pg_get_expr(p.polqual, p.polrelid),
        pg_get_expr(p.polwithcheck, p.polrelid)
    from pg_policy p
    where p.polrelid = %s::regclass
"""
_POLICY_PARTS = ("command", "kind (permissive or restrictive)", "roles", "using", "with check")
_FUNCTIONS = """
    select
        p.oid::regprocedure::text,
        p.proname,
        p.proowner::regrole::text,
        p.prosecdef,
        p.provolatile::text,
        p.proleakproof,
        p.proconfig,
        p.prosrc,
        array(
            select g.grantee::regrole::text || ' ' || g.privilege_type
            from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as g
            order by 1
        )
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
        and not exists (
            select from pg_depend d
            where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
        )
"""
_FUNCTION_PARTS = (
    "owner", "security", "volatility", "leakproof", "settings", "body", "grants"
)  # fmt: skip
_GRANTS = """
    with relations as (
        select c.oid, n.nspname, c.oid::regclass::text as name, c.relowner, c.relacl
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('public', 'jobs')
            and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
            and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
    )
    select
        case when g.grantee = 0 then 'public' else g.grantee::regrole::text end,
        lower(g.privilege_type),
        c.name
    from relations c
    cross join aclexplode(c.relacl) as g -- null: the owner's alone
    where g.grantee <> c.relowner
    union
    select
        case when g.grantee = 0 then 'public' else g.grantee::regrole::text end,
        lower(g.privilege_type),
        c.name || '.' || a.attname
    from relations c
    join pg_attribute a on a.attrelid = c.oid
    cross join aclexplode(a.attacl) as g
    where g.grantee <> c.relowner
"""
_OPEN_DEFAULTS = """
    select distinct case when g.grantee = 0 then 'public' else g.grantee::regrole::text end
    from pg_default_acl d
    cross join aclexplode(d.defaclacl) as g
    left join pg_roles r on r.oid = g.grantee
    where d.defaclobjtype in ('r', 'S')
        and (g.grantee = 0 or r.rolname like 'crm\\_%' and r.oid <> d.defaclrole)
    order by 1
"""
_CREATE_FUNCTION = re.compile(r"create or replace function (\w+)")


def find_other_policies(connection: psycopg.Connection) -> Iterator[str]:
    tables = tenant_tables(connection)
    declared = declared_policies(tables)
    for table in tables:
        live = _policies(connection, f"public.{table}")
        with connection.transaction(force_rollback=True):
            connection.execute(
                sql.SQL("create temporary table twin (like public.{})").format(
                    sql.Identifier(table)
                )
            )
            for policy in declared:
                if policy.table == table:
                    twin = policy._replace(table="pg_temp.twin")
                    connection.execute(twin.statement.encode())
            wanted = _policies(connection, "pg_temp.twin")
        yield from _differences(f"policy of {table}", wanted, live, _POLICY_PARTS)


def find_other_functions(connection: psycopg.Connection) -> Iterator[str]:
    files = sorted((SQL / "functions").glob("*.sql"))
    named = {name for file in files for name in _CREATE_FUNCTION.findall(file.read_text())}
    live = _functions(connection)
    _keep_migrations_away(connection)
    with connection.transaction(force_rollback=True):
        apply_functions(connection)
        wanted = {
            signature: parts
            for signature, parts in _functions(connection).items()
            if signature.partition("(")[0] in named
        }
    yield from _differences("function", wanted, live, _FUNCTION_PARTS)


def find_other_grants(connection: psycopg.Connection) -> Iterator[str]:
    live = _grants(connection)
    _keep_migrations_away(connection)
    with connection.transaction(force_rollback=True):
        connection.execute("set local client_min_messages = error")
        for file in ("grants.sql", "jobs.sql"):
            connection.execute((SQL / file).read_bytes())
        wanted = _grants(connection)
    for role, privilege, thing in sorted(live - wanted):
        yield f"{role} may {privilege} {thing}, which sql/ does not grant. Run `crm-saas migrate`."
    for role, privilege, thing in sorted(wanted - live):
        yield f"{role} may not {privilege} {thing}, though sql/ grants it. Run `crm-saas migrate`."
    # What no file takes back, because none has ever given it.
    for role, privilege, thing in sorted(wanted & live):
        if role == "public":
            yield f"Everybody may {privilege} {thing}. Revoke it from public."
        elif role == APP and not thing.startswith("org_"):
            yield f"{role} may {privilege} {thing}: the application reads tenants' tables alone."


def find_open_defaults(connection: psycopg.Connection) -> Iterator[str]:
    for (role,) in connection.execute(_OPEN_DEFAULTS).fetchall():
        yield f"{role} is granted rights on tables to come. Take the default privileges away."


def _keep_migrations_away(connection: psycopg.Connection) -> None:
    """Two that replace one function at once fail; a migration that runs is waited for."""
    connection.execute("set local lock_timeout = '10s'")
    connection.execute("select pg_advisory_xact_lock(%s, 0)", [MIGRATE_LOCK])


def _policies(connection: psycopg.Connection, table: str) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in connection.execute(_POLICIES, [table]).fetchall()}


def _functions(connection: psycopg.Connection) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[2:] for row in connection.execute(_FUNCTIONS).fetchall()}


def _grants(connection: psycopg.Connection) -> Set[tuple[str, str, str]]:
    return set(connection.execute(_GRANTS).fetchall())


def _differences(
    what: str,
    wanted: Mapping[str, tuple[Any, ...]],
    live: Mapping[str, tuple[Any, ...]],
    parts: tuple[str, ...],
) -> Iterator[str]:
    for name in sorted(wanted.keys() - live.keys()):
        yield f"The {what} {name} is missing. Run `crm-saas migrate`."
    for name in sorted(live.keys() - wanted.keys()):
        yield f"The {what} {name} is in no file under sql/. Drop it, or declare it there."
    for name in sorted(wanted.keys() & live.keys()):
        pairs = zip(parts, wanted[name], live[name], strict=True)
        if other := [part for part, there, here in pairs if there != here]:
            yield f"The {what} {name} differs from its file: {', '.join(other)}."


CHECKS = (
    Check("policies", "They equal the files in sql/policies.", find_other_policies),
    Check("functions", "They equal the files in sql/functions.", find_other_functions),
    Check("grants", "Each role has what sql/ grants it, and no more.", find_other_grants),
    Check("default grants", "No role has rights on tables to come.", find_open_defaults),
)
