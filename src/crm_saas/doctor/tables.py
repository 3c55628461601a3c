"""The shape of what holds tenants' rows (DESIGN 2.2), read from the catalogue."""

from collections.abc import Iterator

import psycopg

from crm_saas.doctor.checks import Check
from crm_saas.kit.guard import UNGUARDED

NAME_LENGTH_MAX = 50  # Citus appends a shard's number

_PRIMARY_KEYS = r"""
    select
        c.relname,
        (
            select array_agg(a.attname::text order by key.place)
            from pg_constraint k
            cross join unnest(k.conkey) with ordinality as key (number, place)
            join pg_attribute a on a.attrelid = c.oid and a.attnum = key.number
            where k.conrelid = c.oid and k.contype = 'p'
        ),
        exists (
            select from pg_attribute a
            where a.attrelid = c.oid
                and a.attname = 'tenant_org_id'
                and a.atttypid = 'uuid'::regtype
                and a.attnotnull
        )
    from pg_class c
    where c.relnamespace = 'public'::regnamespace
        and c.relkind in ('r', 'p')
        and c.relname like 'org\_%'
    order by 1
"""
# Exclusion constraints have an index too, and are as good an oracle.
_GLOBAL_INDEXES = r"""
    select c.relname, i.indexrelid::regclass::text
    from pg_index i
    join pg_class c on c.oid = i.indrelid
    where c.relnamespace = 'public'::regnamespace
        and c.relname like 'org\_%'
        and (i.indisunique or i.indisexclusion)
        and not exists (
            select from pg_attribute a
            where a.attrelid = c.oid
                and a.attname = 'tenant_org_id'
                and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])
        )
    order by 1, 2
"""
_GLOBAL_REFERENCES = r"""
    select child.relname, k.conname, parent.relname
    from pg_constraint k
    join pg_class child on child.oid = k.conrelid
    join pg_class parent on parent.oid = k.confrelid
    where k.contype = 'f'
        and parent.relnamespace = 'public'::regnamespace
        and parent.relname like 'org\_%'
        and not exists (
            select
            from unnest(k.conkey, k.confkey) as pair (here, there)
            join pg_attribute a on a.attrelid = child.oid and a.attnum = pair.here
            join pg_attribute b on b.attrelid = parent.oid and b.attnum = pair.there
            where a.attname = 'tenant_org_id' and b.attname = 'tenant_org_id'
        )
    order by 1, 2
"""
_LONG_NAMES = r"""
    select k.conname
    from pg_constraint k
    join pg_class c on c.oid = k.conrelid
    where c.relnamespace = 'public'::regnamespace
        and c.relname ~ '^(org|sys)_'
        and k.contype <> 'n' -- not null: never reported by name
        and length(k.conname) > %(most)s
    union
    select x.relname
    from pg_index i
    join pg_class c on c.oid = i.indrelid
    join pg_class x on x.oid = i.indexrelid
    where c.relnamespace = 'public'::regnamespace
        and c.relname ~ '^(org|sys)_'
        and length(x.relname) > %(most)s
    order by 1
"""
_VIEWS = """
    select c.oid::regclass::text, c.relkind = 'm'
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('v', 'm')
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
        and not ('security_invoker=true' = any (coalesce(c.reloptions, '{}')))
        and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
    order by 1
"""
_FUNCTIONS = r"""
    select
        p.oid::regprocedure::text,
        coalesce(
            (
                select setting like '%pg\_temp'
                from unnest(p.proconfig) as setting
                where setting like 'search\_path=%'
            ),
            false
        ),
        exists (
            select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as granted
            where granted.grantee = 0 and granted.privilege_type = 'EXECUTE'
        )
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    where p.prosecdef
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
        and not exists (
            select from pg_depend d
            where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
        )
    order by 1
"""


def find_unguarded(connection: psycopg.Connection) -> Iterator[str]:
    for (table,) in connection.execute(UNGUARDED).fetchall():
        yield (
            f"Row-level security is off or not forced on {table}. "
            f"Run: alter table {table} enable row level security, force row level security"
        )


def find_wrong_keys(connection: psycopg.Connection) -> Iterator[str]:
    for table, key, has_tenant in connection.execute(_PRIMARY_KEYS).fetchall():
        if not has_tenant:
            yield f"{table} has no column tenant_org_id uuid not null."
        if key != ["tenant_org_id", "id"]:
            yield f"The primary key of {table} is not (tenant_org_id, id)."


def find_global_uniques(connection: psycopg.Connection) -> Iterator[str]:
    for table, index in connection.execute(_GLOBAL_INDEXES).fetchall():
        yield (
            f"The unique index {index} of {table} lacks tenant_org_id: "
            "it tells one tenant what another has."
        )


def find_global_references(connection: psycopg.Connection) -> Iterator[str]:
    for table, name, parent in connection.execute(_GLOBAL_REFERENCES).fetchall():
        yield (
            f"The foreign key {name} from {table} to {parent} lacks tenant_org_id: "
            "it can point at another tenant's row."
        )


def find_long_names(connection: psycopg.Connection) -> Iterator[str]:
    for (name,) in connection.execute(_LONG_NAMES, {"most": NAME_LENGTH_MAX}).fetchall():
        yield f"The name {name} is longer than {NAME_LENGTH_MAX} characters."


def find_open_views(connection: psycopg.Connection) -> Iterator[str]:
    for view, is_materialised in connection.execute(_VIEWS).fetchall():
        if is_materialised:
            yield f"The materialised view {view} keeps rows where no policy guards them."
        else:
            yield f"The view {view} reads as its owner. Set security_invoker = true."


def find_open_definers(connection: psycopg.Connection) -> Iterator[str]:
    for function, is_pinned, is_public in connection.execute(_FUNCTIONS).fetchall():
        if not is_pinned:
            yield f"{function} is security definer without a search_path that ends in pg_temp."
        if is_public:
            yield f"{function} is security definer and anybody may execute it. Revoke from public."


CHECKS = (
    Check("row security", "It is on and forced on every org_* table.", find_unguarded),
    Check("primary keys", "Each starts with the tenant.", find_wrong_keys),
    Check("unique indexes", "Each includes the tenant.", find_global_uniques),
    Check("foreign keys", "Each includes the tenant.", find_global_references),
    Check("names", "All are short enough for a cluster.", find_long_names),
    Check("views", "None reads tenants' rows past the policies.", find_open_views),
    Check("definer functions", "All are pinned, and closed to the public.", find_open_definers),
)
