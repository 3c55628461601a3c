"""Refuses to serve with a database role that could get past the policies (DESIGN 2.1)."""

from sqlalchemy import text

from crm_saas.kit.db import Database

_HARMS = text(
    """
    select
        r.rolsuper as superuser,
        r.rolbypassrls as bypasses_row_security,
        exists (
            select from pg_class c
            where c.relowner = r.oid and c.relnamespace = 'public'::regnamespace
        ) as owns_tables,
        exists (select from pg_auth_members m where m.member = r.oid) as member_of_a_role
    from pg_roles r
    where r.rolname = current_user
    """
)
UNGUARDED = r"""
    select c.relname
    from pg_class c
    where c.relnamespace = 'public'::regnamespace
        and c.relkind in ('r', 'p')
        and c.relname like 'org\_%'
        and not (c.relrowsecurity and c.relforcerowsecurity)
    order by c.relname
"""


class UnsafeDatabase(RuntimeError):
    """The connection could see more than one tenant; the text says why and what to do."""


async def refuse_unsafe_role(database: Database) -> None:
    """Raises UnsafeDatabase."""
    async with database.session() as session:
        harms = (await session.execute(_HARMS)).one()._asdict()
        unguarded = list(await session.scalars(text(UNGUARDED)))
    if reasons := [name.replace("_", " ") for name, is_so in harms.items() if is_so]:
        raise UnsafeDatabase(
            f"This process's database role gets past row-level security ({', '.join(reasons)}). "
            "Connect as crm_app, the role that `crm-saas migrate` makes."
        )
    if unguarded:
        raise UnsafeDatabase(
            f"Row-level security is off or not forced on {', '.join(unguarded)}. "
            "Run `crm-saas migrate`, then `crm-saas doctor`."
        )
