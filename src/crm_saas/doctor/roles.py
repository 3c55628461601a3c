"""The roles of DESIGN 2.1: none of them can get past the policies or change them."""

from collections.abc import Iterator, Sequence

import psycopg

from crm_saas.doctor.checks import APP, PLATFORM, ROLES, Check

# The canary's look-out: crm_platform may become crm_app, and inherits nothing of it.
MEMBERSHIPS = {(PLATFORM, APP)}
# They read as their owner, whose one policy carries the words.
_SEARCH_FUNCTIONS = ("function search_candidates(", "function search_fragments(")

_POWERS = """
    select
        r.rolname,
        array_remove(array[
            case when r.rolsuper then 'is a superuser' end,
            case when r.rolbypassrls then 'bypasses row-level security' end,
            case when r.rolcreaterole then 'may create roles' end,
            case when r.rolcreatedb then 'may create databases' end,
            case when r.rolreplication then 'may replicate the whole cluster' end,
            case when r.rolinherit then 'inherits the rights of roles it is a member of' end,
            case
                when has_database_privilege(r.oid, current_database(), 'create')
                    then 'may create schemas'
            end
        ], null)
    from pg_roles r
    where r.rolname = any (%s)
    order by r.rolname
"""
_MEMBERSHIPS = """
    select member.rolname, granted.rolname, pg_has_role(member.oid, granted.oid, 'usage')
    from pg_auth_members m
    join pg_roles member on member.oid = m.member
    join pg_roles granted on granted.oid = m.roleid
    where member.rolname = any (%s)
    order by 1, 2
"""
_BELONGINGS = """
    select r.rolname, pg_describe_object(d.classid, d.objid, d.objsubid)
    from pg_shdepend d
    join pg_database here on here.oid = d.dbid and here.datname = current_database()
    join pg_roles r on r.oid = d.refobjid and d.refclassid = 'pg_authid'::regclass
    where d.deptype = 'o'
        and r.rolname = any (%s)
    order by 1, 2
"""
_OWNERS = r"""
    select c.relname, c.relowner::regrole::text
    from pg_class c
    where c.relnamespace = 'public'::regnamespace
        and c.relkind in ('r', 'p')
        and c.relname ~ '^(org|sys)_'
        and c.relowner <> current_user::regrole
    order by 1
"""
_CREATORS = """
    select r.rolname, n.nspname
    from pg_namespace n
    cross join pg_roles r
    where r.rolname = any (%s)
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
        and has_schema_privilege(r.oid, n.oid, 'create')
    order by 1, 2
"""


def find_powers(connection: psycopg.Connection, names: Sequence[str] = ROLES) -> Iterator[str]:
    rows = connection.execute(_POWERS, [list(names)]).fetchall()
    for missing in sorted(set(names) - {name for name, _ in rows}):
        yield f"There is no role {missing}. Run `crm-saas migrate`."
    for name, powers in rows:
        for power in powers:
            yield f"{name} {power}. Take it away: alter role {name} …"


def find_memberships(connection: psycopg.Connection) -> Iterator[str]:
    for member, granted, inherits in connection.execute(_MEMBERSHIPS, [list(ROLES)]).fetchall():
        if (member, granted) not in MEMBERSHIPS:
            yield f"{member} is a member of {granted}. Run: revoke {granted} from {member}"
        elif inherits:
            yield f"{member} inherits {granted}. Grant it with inherit false."


def find_belongings(connection: psycopg.Connection) -> Iterator[str]:
    """The policies of a table do not bind who owns it for long: an owner can drop them."""
    for role, thing in connection.execute(_BELONGINGS, [list(ROLES)]).fetchall():
        if not (role == "crm_search" and thing.startswith(_SEARCH_FUNCTIONS)):
            yield f"{role} owns {thing}. Give it to the schema's owner."
    for table, owner in connection.execute(_OWNERS).fetchall():
        yield f"{table} belongs to {owner} and not to the one owner of all tables."


def find_creators(connection: psycopg.Connection) -> Iterator[str]:
    for role, schema in connection.execute(_CREATORS, [list(ROLES)]).fetchall():
        yield f"{role} may create things in the schema {schema}. Revoke create on it."


CHECKS = (
    Check("role powers", "No role of the product can get past the policies.", find_powers),
    Check("role memberships", "No role borrows the rights of another.", find_memberships),
    Check("owners", "The schema's owner alone owns tables and functions.", find_belongings),
    Check("creators", "No role of the product can create tables or functions.", find_creators),
)
