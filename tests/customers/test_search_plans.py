"""What a search reads: as the application's role, without statistics, as right after an import.

Buffers are counted, no time is measured. The large tenant has four times as many customers as the
small one, and a search of it may not read much more.
"""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.engine import make_url

from crm_saas.kit.ids import new_id
from factories.database import new_database

SMALL, LARGE = 1_500, 6_000
SERIALS_APART = 170  # so that they have the windows of 255,000 and 1,020,000 customers
KINDS = {
    "one letter": ("m", 150),
    "one letter, in Arabic": ("م", 150),
    "one digit": ("1", 100),
    "two letters": ("mo", 150),
    "two letters that begin no name": ("ال", 700),
    "two digits": ("17", 100),
    "a prefix": ("moham", 150),
    "the middle of a word": ("lush", 700),
    "a common name": ("balushi", 800),
    "a common name, in Arabic": ("البلوشي", 800),
    "two common words": ("balushi mohammed", 1200),
    "the last four digits": ("0064", 250),
    "the last seven digits": ("0000064", 150),
    "a whole phone": ("96890000064", 50),
    "a number": ("cust-00170", 60),
    "the beginning of a number": ("cust-0", 100),
    "the beginning of an e-mail": ("mohammed.1", 100),
    "a swapped letter": ("balsuhi", 2200),
    "a wrong letter, in Arabic": ("البلوسي", 2200),
    "a phone with a wrong digit": ("96890000063", 400),
    "nobody": ("xyzzyq", 1400),
    "no such combination": ("balushi xyzzyq", 1900),
}
_FILL = """
    insert into org_customers_mst (
        tenant_org_id, id, customer_seq, customer_number, profile_status,
        name, name2, display_name, phone, email, email_key
    )
    select
        %(tenant)s,
        gen_random_uuid(),
        n * %(apart)s,
        'CUST-' || to_char(n * %(apart)s, 'FM00000999'),
        'stub',
        given || ' Al ' || family,
        case when n %% 2 = 0 then 'محمد البلوشي' end,
        given || ' Al ' || family,
        '+968' || (90000000 + n * 64)::text,
        given || '.' || n || '@example.om',
        given || '.' || n || '@example.om'
    from (
        select
            n,
            (array['Mohammed', 'Salim', 'Fatma', 'Khalid'])[1 + n %% 4] as given,
            (array['Balushi', 'Harthy', 'Kindi'])[1 + n %% 3] as family
        from generate_series(1, %(customers)s) as n
    ) as made
"""


class Filled:
    """A small tenant and a large one, alike."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.small, self.large = self._fill(SMALL), self._fill(LARGE)
        connection.execute("set local role none")
        connection.execute("select gin_clean_pending_list('org_customers_mst_fragments_ix')")

    def _fill(self, customers: int) -> UUID:
        tenant = new_id()
        with self.connection.transaction():
            self.connection.execute("set local role crm_platform")
            self.connection.execute(
                "insert into sys_tenants_mst (id, slug, name) values (%s, %s, 'Plans')",
                [tenant, f"p{tenant.hex}"],
            )
            self.connection.execute(
                "insert into org_number_counters"
                " (tenant_org_id, id, series, prefix, width, last_value)"
                " values (%s, %s, 'customer', 'CUST-', 5, %s)",
                [tenant, new_id(), customers * SERIALS_APART],
            )
            self.connection.execute(
                _FILL, {"tenant": tenant, "customers": customers, "apart": SERIALS_APART}
            )
        return tenant

    def buffers(self, tenant: UUID, query: str) -> int:
        """What one search reads when it has been run before."""
        search = "select * from search_customers(%s, %s, 51)"
        with self.connection.transaction(force_rollback=True):
            self.connection.execute("set local role crm_app")
            self.connection.execute("select set_request_scope(%s, 'all', null, '{}')", [tenant])
            self.connection.execute(search, [tenant, query])
            row = self.connection.execute(
                f"explain (analyze, buffers, format json) {search}", [tenant, query]
            ).fetchone()
        assert row is not None
        plan = row[0][0]["Plan"]
        return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.fixture(scope="module")
def filled(owner_url: str, template_database: str) -> Iterator[Filled]:
    with new_database(owner_url, "plans", template_database) as url:
        driverless = make_url(url).set(drivername="postgresql")
        with (
            psycopg.connect(
                driverless.render_as_string(hide_password=False), autocommit=True
            ) as connection,
            connection.transaction(force_rollback=True),
        ):
            connection.execute("grant crm_app, crm_platform to current_user")
            yield Filled(connection)


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_reads_little_of_a_tenant_of_any_size(filled: Filled, kind: str) -> None:
    query, ceiling = KINDS[kind]
    small, large = filled.buffers(filled.small, query), filled.buffers(filled.large, query)
    assert large <= ceiling
    assert large <= 1.5 * small + 200


# As Citus has them, as far as the search asks.
_CLUSTER = """
    set allow_system_table_mods = on;
    create table pg_catalog.pg_dist_partition (logicalrelid regclass);
    grant select on pg_catalog.pg_dist_partition to public;
    create function pg_catalog.get_shard_id_for_distribution_column(regclass, anyelement)
    returns bigint language sql as 'select 102008::bigint';
    create table public.org_customers_mst_102008 (filler text);
"""


def test_on_a_cluster_the_tenants_shard_is_measured(superuser: psycopg.Connection) -> None:
    """The table that is distributed stays empty, on each node."""

    def mode() -> str:
        row = superuser.execute(
            "select current_setting('plan_cache_mode') from plan_search(%s)", [new_id()]
        ).fetchone()
        assert row is not None
        return str(row[0])

    assert mode() == "force_custom_plan"
    superuser.execute(_CLUSTER)
    superuser.execute(
        "insert into org_customers_mst_102008 select repeat('x', 1000)"
        " from generate_series(1, 2000)"
    )
    assert mode() == "force_custom_plan", "the extension is there, and nothing distributed"
    superuser.execute("insert into pg_dist_partition values ('org_customers_mst')")
    assert mode() == "force_generic_plan"
    superuser.execute("truncate org_customers_mst_102008")
    assert mode() == "force_custom_plan"
    superuser.execute("drop table org_customers_mst_102008")
    assert mode() == "force_generic_plan", "another node has it, and plans"
    superuser.rollback()
