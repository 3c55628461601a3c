"""All SQL that the suite ran as the application's role, parsed and held to DESIGN 8."""

from pathlib import Path

import psycopg
import pytest

from statement_rules import (
    BODIES,
    Functions,
    database_functions,
    faults_of,
    faults_of_body,
    on_tenant_tables,
    refuse_faults,
)
from statements import StatementLog

FUNCTIONS = Functions(
    volatile=frozenset({"gen_random_uuid", "clock_timestamp", "random"}),
    stable=frozenset({"to_char"}),
    on_tenant_tables=frozenset({"search_customers"}),
)
GOOD = (
    "select a from org_x where tenant_org_id = %(t)s::UUID",
    "select a from org_x x join org_y on org_y.tenant_org_id = %(t)s::UUID and org_y.id = x.y "
    "where x.tenant_org_id = %(t)s::UUID",
    "select a from org_x left join org_y as y on y.tenant_org_id = %(t)s and y.id = org_x.id "
    "where org_x.tenant_org_id = %(u)s",
    "insert into org_x (tenant_org_id, id) values (%(t)s::UUID, %(i)s::UUID)",
    "insert into org_x (tenant_org_id, id) select p0, p1 from (values (%(a)s, %(b)s)) as v(p0, p1) "
    "returning id",
    "insert into org_x (tenant_org_id) values (%(t)s) on conflict do nothing",
    "update org_x set a = now() where org_x.tenant_org_id = %(t)s::UUID and id = %(i)s::UUID",
    "delete from org_x where tenant_org_id = %(t)s and a like 'x%%'",
    "select * from search_customers(%(t)s::UUID, %(q)s, 10)",
    "copy (select a from org_x where tenant_org_id = %(t)s) to stdout (format csv, header)",
    "set local statement_timeout = '600s'",
)
BAD = {
    "select a from org_x": "without tenant_org_id",
    "select a from org_x where id = %(i)s": "without tenant_org_id",
    "select a from org_x where tenant_org_id = 'literal'": "without tenant_org_id",
    "select a from org_x where tenant_org_id = %(t)s or a": "without tenant_org_id",
    "select a from org_x where not (tenant_org_id = %(t)s)": "without tenant_org_id",
    "select a from org_x x join org_y y on y.id = x.y where x.tenant_org_id = %(t)s": "reads y",
    "select a from org_x x left join org_y y on x.tenant_org_id = %(t)s": "reads x",
    "select (select 1 from org_y) from org_x where tenant_org_id = %(t)s": "reads org_y",
    "select a from org_x x for update": "without tenant_org_id",
    "update org_x set a = 1 where id = %(i)s": "without tenant_org_id",
    "delete from org_x": "without tenant_org_id",
    "insert into org_x (id) values (%(i)s)": "without tenant_org_id",
    "copy (select a from org_x) to stdout (format csv)": "without tenant_org_id",
    "insert into org_x (tenant_org_id) values ((select 1))": "values ((select",
    "insert into org_x (tenant_org_id) select 1": "without returning",
    "merge into org_x using sys_y on true when matched then delete": "merge",
    "update org_x set a = gen_random_uuid() where tenant_org_id = %(t)s": "volatile",
    "delete from org_x where tenant_org_id = %(t)s and b < clock_timestamp()": "volatile",
    "update org_x set a = to_char(b, 'x') where tenant_org_id = %(t)s": "stable",
    "select a from org_x, search_customers(%(t)s, 'q', 1) f where org_x.tenant_org_id = %(t)s": (
        "joins the function"
    ),
    "selekt 1 form": "parsed",
    "vacuum org_x": "parsed",
}


@pytest.mark.parametrize("statement", GOOD)
def test_a_good_statement_passes(statement: str) -> None:
    assert faults_of(statement, FUNCTIONS) == []


@pytest.mark.parametrize("statement", BAD)
def test_a_bad_statement_is_found(statement: str) -> None:
    assert any(BAD[statement] in fault for fault in faults_of(statement, FUNCTIONS))


@pytest.mark.parametrize(
    "body",
    [
        "select * into x from org_x where id = wanted;",
        "select 1 from org_x a join org_y b on b.id = a.id where a.tenant_org_id = tenant;",
        "select 1 from org_x a where a.tenant_org_id = tenant union all select 1 from org_x c;",
        "insert into org_x (id) values (1);",
        "merge into org_x x using y on x.tenant_org_id = tenant;",
        "insert into org_x (tenant_org_id, id) values (tenant, (select 1));",
        "update org_x set id = gen_random_uuid() where tenant_org_id = tenant;",
        "insert into org_x (tenant_org_id) select tenant from org_x where tenant_org_id = tenant;",
        "if exists (select from org_x where tenant_org_id = tenant and id in (select f(1))) then",
    ],
)
def test_a_bad_body_is_found(body: str) -> None:
    assert list(faults_of_body(body, {"f"})) != []


@pytest.mark.parametrize("file", BODIES, ids=lambda file: file.stem)
def test_functions_could_run_on_a_cluster(file: Path) -> None:
    others = on_tenant_tables() - {file.stem}
    assert list(faults_of_body(file.read_text(), others)) == []


@pytest.mark.last
def test_every_statement_of_the_application_could_run_on_a_cluster(
    statement_log: StatementLog, owner_connection: psycopg.Connection
) -> None:
    refuse_faults(statement_log.statements, database_functions(owner_connection))
