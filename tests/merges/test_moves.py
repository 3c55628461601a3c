"""No table points at customers without the merge knowing it."""

import psycopg

from crm_saas.wiring import MERGE_MOVES

_REFERENCES = """
    select con.conrelid::regclass::text || '.' || att.attname
    from pg_constraint con
    join pg_attribute att on att.attrelid = con.conrelid and att.attnum = any (con.conkey)
    where con.contype = 'f'
        and con.confrelid = 'org_customers_mst'::regclass
        and att.attname <> 'tenant_org_id'
"""


def undeclared(connection: psycopg.Connection) -> set[str]:
    references = {row[0] for row in connection.execute(_REFERENCES)}
    return references ^ {reference.name for reference in MERGE_MOVES}


def test_every_reference_is_declared(owner_connection: psycopg.Connection) -> None:
    assert undeclared(owner_connection) == set()


def test_a_new_one_is_noticed(owner_connection: psycopg.Connection) -> None:
    owner_connection.execute(
        """
        create table org_visits (
            tenant_org_id uuid,
            id uuid,
            visitor_id uuid,
            foreign key (tenant_org_id, visitor_id) references org_customers_mst
        )
        """
    )
    assert undeclared(owner_connection) == {"org_visits.visitor_id"}
