"""What a statement of the application must be to run on Citus too (DESIGN 8.2, 8.3).

Each rule yields a sentence a fault. The parser is sqlglot's; what it cannot read is a fault.
"""

import logging
import re
from collections.abc import Callable, Collection, Iterator
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import psycopg
import sqlglot
from sqlglot import exp

from crm_saas.kit.schema import SQL

TENANT = "tenant_org_id"
BODIES = sorted((SQL / "functions").glob("*.sql"))
# Statements that the parser cannot read or a rule gets wrong, each with its reason.
ACCEPTED: dict[str, str] = {}
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_COPY = re.compile(
    r"copy \((?P<query>.*)\) to stdout(?: \([^()]*\))?\s*$", re.DOTALL | re.IGNORECASE
)
_SETTING = re.compile(
    r"set (local|transaction) |(rollback to |release )?savepoint |(begin|commit|rollback)$",
    re.IGNORECASE,
)
_TABLE_IN_BODY = re.compile(
    r"\b(?:from|join|update|into)\s+(org_\w+)(?:\s+(?:as\s+)?(?!set\b|where\b|on\b|values\b)(\w+))?"
)

_REFUSED_IN_BODY = {
    "uses merge": re.compile(r"\bmerge\s+into\b"),
    "inserts a subquery as a value": re.compile(r"\bvalues\s*\([^;]*\(\s*select\b"),
    "changes rows by a volatile function": re.compile(
        r"\b(?:update|delete)\b[^;]*\b(?:clock_timestamp|gen_random_uuid|random|timeofday)\s*\("
    ),
    "inserts what it selects and returns nothing": re.compile(
        r"\binsert\s+into\s+org_\w+[^;]*?\bselect\b(?![^;]*\breturning\b)"
    ),
}

logging.getLogger("sqlglot").setLevel(logging.ERROR)


class Functions(NamedTuple):
    """Names of the database's functions, by what a statement may not do with them."""

    volatile: frozenset[str]
    stable: frozenset[str]
    on_tenant_tables: frozenset[str]


def database_functions(connection: psycopg.Connection) -> Functions:
    rows = connection.execute("select proname, provolatile::text from pg_proc").fetchall()
    return Functions(
        volatile=frozenset(name for name, volatility in rows if volatility == "v"),
        stable=frozenset(name for name, volatility in rows if volatility == "s"),
        on_tenant_tables=on_tenant_tables(),
    )


def on_tenant_tables() -> frozenset[str]:
    return frozenset(
        file.stem for file in BODIES if re.search(r"\b(from|into|update) org_", file.read_text())
    )


def refuse_faults(statements: AbstractSet[str], functions: Functions) -> None:
    found = {
        statement: faults
        for statement in sorted(statements - ACCEPTED.keys())
        if (faults := faults_of(statement, functions))
    }
    assert not found, "\n\n".join(f"{'; '.join(f)}:\n{s}" for s, f in found.items())


def faults_of(statement: str, functions: Functions) -> list[str]:
    """Why the statement may not run, if anything."""
    if _SETTING.match(statement):
        return []
    if found := _COPY.match(statement):
        statement = found["query"]
    readable = _PLACEHOLDER.sub(r":\1", statement).replace("%%", "%")
    try:
        tree = sqlglot.parse_one(readable, dialect="postgres")
    except sqlglot.errors.SqlglotError as error:
        return [f"cannot be parsed: {str(error).splitlines()[0]}"]
    if isinstance(tree, exp.Command):
        return ["cannot be parsed"]
    return [fault for rule in RULES for fault in rule(tree, functions)]


def name_the_tenant(tree: exp.Expression, _: Functions) -> Iterator[str]:
    """Each org_* table has its own `tenant_org_id = :parameter`; an insert has the column."""
    for table in tree.find_all(exp.Table):
        if not table.name.startswith("org_"):
            continue
        if _target_of(table, exp.Insert):
            if TENANT not in {c.name for c in table.parent.find_all(exp.Identifier)}:
                yield f"inserts into {table.name} without {TENANT}"
            continue
        if not any(_binds(condition, table) for condition in _conditions_around(table)):
            yield f"reads {table.alias_or_name} without {TENANT} = a parameter"


def no_merge(tree: exp.Expression, _: Functions) -> Iterator[str]:
    if tree.find(exp.Merge):
        yield "is a merge"


def no_subquery_in_values(tree: exp.Expression, _: Functions) -> Iterator[str]:
    for insert in tree.find_all(exp.Insert):
        if isinstance(insert.expression, exp.Values) and insert.expression.find(exp.Select):
            yield "inserts values ((select …))"


def no_silent_insert_select(tree: exp.Expression, _: Functions) -> Iterator[str]:
    for insert in tree.find_all(exp.Insert):
        reads = isinstance(insert.expression, (exp.Select, exp.SetOperation, exp.Subquery))
        if reads and not insert.args.get("returning"):
            yield "inserts a select without returning"


def no_volatile_function_in_a_change(tree: exp.Expression, functions: Functions) -> Iterator[str]:
    for change in tree.find_all(exp.Update, exp.Delete):
        for call in change.find_all(exp.Func):
            if _name(call) in functions.volatile:
                yield f"calls the volatile {_name(call)}() in an update or delete"


def no_stable_function_over_columns(tree: exp.Expression, functions: Functions) -> Iterator[str]:
    for update in tree.find_all(exp.Update):
        for assigned in update.expressions:
            for call in assigned.expression.find_all(exp.Func):
                if _name(call) in functions.stable and call.find(exp.Column):
                    yield f"sets a column to the stable {_name(call)}() of a column"


def functions_alone(tree: exp.Expression, functions: Functions) -> Iterator[str]:
    """A function that reads tenants' tables is called on its own, so that it can be delegated."""
    has_table = any(t.name.startswith(("org_", "sys_")) for t in tree.find_all(exp.Table))
    for call in tree.find_all(exp.Func):
        if has_table and _name(call) in functions.on_tenant_tables:
            yield f"joins the function {_name(call)}() with a table"


RULES: tuple[Callable[[exp.Expression, Functions], Iterator[str]], ...] = (
    name_the_tenant,
    no_merge,
    no_subquery_in_values,
    no_silent_insert_select,
    no_volatile_function_in_a_change,
    no_stable_function_over_columns,
    functions_alone,
)


def faults_of_body(body: str, functions: Collection[str] = ()) -> Iterator[str]:
    """A function's SQL, read by words: PL/pgSQL around it is nobody's dialect.

    Each org_* table in a statement is compared with a variable, under its alias, and no statement
    on such a table uses what a cluster refuses, or calls one of the functions that read such tables
    themselves.
    """
    without_comments = re.sub(r"--[^\n]*", "", body)
    for statement in without_comments.split(";"):
        if _TABLE_IN_BODY.search(statement):
            yield from (
                fault for fault, words in _REFUSED_IN_BODY.items() if words.search(statement)
            )
            yield from (
                f"joins the function {name}() with a table"
                for name in functions
                if re.search(rf"\b{name}\s*\(", statement)
            )
    for statement in re.split(r";|\bunion all\b|\bunion\b", without_comments):
        for table, alias in _TABLE_IN_BODY.findall(statement):
            column = rf"{alias}\.{TENANT}" if alias else TENANT
            if re.search(rf"\binsert into {table}\b", statement):
                if TENANT not in statement:
                    yield f"inserts into {table} without {TENANT}"
            elif not re.search(rf"\b{column}\s*=\s*(tenant\b|person\.tenant_id\b|\$\d)", statement):
                yield f"reads {alias or table} without {TENANT} = the tenant"


def _target_of(table: exp.Table, kind: type[exp.Expression]) -> bool:
    parent = table.parent
    if isinstance(parent, exp.Schema):
        parent = parent.parent
    return isinstance(parent, kind) and table in (parent.this, getattr(parent.this, "this", None))


def _conditions_around(table: exp.Expression) -> Iterator[exp.Expression]:
    """What the statement that the table stands in demands of every row."""
    statement = table.find_ancestor(exp.Select, exp.Update, exp.Delete)
    if statement is None:
        return
    where = statement.args.get("where")
    if where is not None:
        yield from _and(where.this)
    join = table.find_ancestor(exp.Join)
    if join is not None and join.args.get("on") is not None:
        yield from _and(join.args["on"])
    for join in statement.args.get("joins") or []:
        # An outer join's condition binds its own table alone, which the lines above have seen.
        if not join.side and join.args.get("on") is not None:
            yield from _and(join.args["on"])


def _and(condition: exp.Expression) -> Iterator[exp.Expression]:
    condition = condition.unnest()
    if isinstance(condition, exp.And):
        yield from _and(condition.left)
        yield from _and(condition.right)
    else:
        yield condition


def _binds(condition: exp.Expression, table: exp.Table) -> bool:
    if not isinstance(condition, exp.EQ):
        return False
    for column, value in ((condition.left, condition.right), (condition.right, condition.left)):
        if (
            isinstance(column, exp.Column)
            and column.name == TENANT
            and column.table in ("", table.alias_or_name)
            and isinstance(value.this if isinstance(value, exp.Cast) else value, exp.Placeholder)
        ):
            return True
    return False


def _name(call: exp.Func) -> str:
    """As PostgreSQL writes it: the parser has names of its own for functions that it knows."""
    return call.sql(dialect="postgres").partition("(")[0].lower()
