"""Somebody who may change every row of a trail, but does not have the master key."""

import random
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from crm_saas.audit.chain import (
    FORMAT,
    SEALED_COLUMNS,
    SEALS,
    genesis,
    head_mac,
    seal_digest,
    seal_tag,
)
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.events import commitment

TABLES = ("org_events", "org_audit_seals", "org_audit_heads")
FORGED = KeyRing({1: b"\x66" * 32})


class Attacker:
    """Works in the connection's transaction on one tenant's trail."""

    def __init__(
        self, connection: psycopg.Connection[Any], tenant_id: UUID, other_id: UUID, seed: int
    ) -> None:
        self.connection = connection
        self.tenant_id = tenant_id
        self.other_id = other_id
        self.random = random.Random(seed)  # noqa: S311 (so that a run can be repeated)
        self.last = len(self.rows("org_audit_seals"))

    def do(self, query: str, *values: object) -> None:
        assert self.connection.execute(query.encode(), values).rowcount > 0

    def rows(self, table: str, tenant_id: UUID | None = None) -> list[dict[str, Any]]:
        order = {"org_audit_seals": "position", "org_events": "created_at, id"}.get(table, "id")
        cursor = self.connection.cursor(row_factory=dict_row)
        query = f"select * from {table} where tenant_org_id = %s order by {order}"
        return cursor.execute(query.encode(), [tenant_id or self.tenant_id]).fetchall()

    def pick(self, table: str) -> dict[str, Any]:
        return self.random.choice(self.rows(table))

    def update(self, table: str, row: dict[str, Any], column: str, value: sql.Composable) -> None:
        self.connection.execute(
            sql.SQL("update {} set {} = {} where tenant_org_id = %s and id = %s").format(
                sql.Identifier(table), sql.Identifier(column), value
            ),
            [row["tenant_org_id"], row["id"]],
        )

    def change_a_column(self) -> str:
        table = self.random.choices(TABLES, [20, 8, 4])[0]
        row = self.pick(table)
        column = self.random.choice(sorted(row))
        type_name, nullable = self.column(table, column)
        value = self.other_value(type_name, column)
        if nullable and row[column] is not None and self.random.random() < 0.3:
            value = sql.SQL("null")
        self.update(table, row, column, value)
        return f"{table}.{column} = {value.as_string(self.connection)}"

    def column(self, table: str, column: str) -> tuple[str, bool]:
        row = self.connection.execute(
            "select format_type(atttypid, atttypmod), not attnotnull from pg_attribute"
            " where attrelid = %s::regclass and attname = %s",
            [table, column],
        ).fetchone()
        assert row is not None
        return row

    def other_value(self, type_name: str, column: str) -> sql.Composable:
        name, draw = sql.Identifier(column), self.random.randrange
        match type_name:
            case "text":
                return sql.SQL("concat({}, {})").format(name, sql.Literal(self.word()))
            case "integer" | "bigint":
                return sql.SQL("{} + {}").format(name, sql.Literal(draw(1, 1000)))
            case "uuid":
                return sql.Literal(self.uuid())
            case "jsonb":
                return sql.SQL("jsonb_build_object({}::text, {}::text)").format(
                    sql.Literal(self.word()), sql.Literal(self.word())
                )
            case "bytea":
                return sql.Literal(self.random.randbytes(draw(1, 40)))
            case "timestamp with time zone":
                if draw(10) == 0:
                    return sql.SQL("'infinity'")
                return sql.SQL("{} + make_interval(secs => {})").format(
                    name, sql.Literal(draw(1, 10**6) / 10**6 * 10 ** draw(4))
                )
        raise AssertionError(type_name)

    def word(self) -> str:
        return "".join(self.random.choices("abcdefgh \u202e", k=self.random.randrange(1, 9)))

    def uuid(self) -> UUID:
        return UUID(int=self.random.getrandbits(128))

    def flip_a_bit(self) -> str:
        table, column = self.random.choice(
            [
                ("org_events", "salt"), ("org_events", "commitment"),
                ("org_audit_seals", "digest"), ("org_audit_seals", "tag"),
                ("org_audit_heads", "digest"), ("org_audit_heads", "mac"),
            ]
        )  # fmt: skip
        row = self.pick(table)
        altered = bytearray(row[column])
        altered[self.random.randrange(len(altered))] ^= 1 << self.random.randrange(8)
        self.update(table, row, column, sql.Literal(bytes(altered)))
        return f"a bit of {table}.{column}"

    def rewrite_values(self) -> str:
        """And commit to them, as if they had always been so."""
        row, salt = self.pick("org_events"), self.random.randbytes(16)
        values = {"name": self.word()}
        self.do(
            "update org_events set before = null, after = %s, salt = %s, commitment = %s"
            " where tenant_org_id = %s and id = %s",
            psycopg.types.json.Jsonb(values), salt, commitment(salt, None, values),
            self.tenant_id, row["id"],
        )  # fmt: skip
        return "values rewritten with their commitment"

    def pretend_an_erasure(self) -> str:
        row = self.pick("org_events")
        self.do(
            "update org_events set before = null, after = null, salt = null"
            " where tenant_org_id = %s and id = %s",
            self.tenant_id,
            row["id"],
        )
        return "an erasure without its record"

    def delete(self) -> str:
        event = self.pick("org_events")
        which = self.random.choice(["event", "seal", "both", "head"])
        if which in {"event", "both"}:
            self.do("delete from org_events where id = %s", event["id"])
        if which in {"seal", "both"}:
            self.do("delete from org_audit_seals where id = %s", event["id"])
        if which == "head":
            self.do("delete from org_audit_heads where tenant_org_id = %s", self.tenant_id)
        return f"deleted {which}"

    def insert(self) -> str:
        """With a date among the others', and what belongs to it: a seal, a head, or neither."""
        event = self.event(self.pick("org_events"))
        how = self.random.choice(["alone", "sealed at the end", "sealed within", "with a head"])
        if how != "alone":
            seals = self.rows("org_audit_seals")
            place = self.random.randrange(self.last) if how == "sealed within" else self.last
            ids = [row["id"] for row in seals]
            ids.insert(place, event["id"])
            self.reseal(ids, with_head=how == "with a head")
        return f"inserted {how}"

    def event(self, like: dict[str, Any]) -> dict[str, Any]:
        made = like | {"id": uuid4(), "actor_name": self.word(), "salt": self.random.randbytes(16)}
        made["commitment"] = commitment(made["salt"], made["before"], made["after"])
        for name in ("before", "after", "rows"):
            made[name] = psycopg.types.json.Jsonb(made[name])
        columns = sql.SQL(", ").join(map(sql.Identifier, made))
        places = sql.SQL(", ").join(sql.Placeholder() * len(made))
        self.connection.execute(
            sql.SQL("insert into org_events ({}) values ({})").format(columns, places),
            list(made.values()),
        )
        return made

    def reorder(self) -> str:
        one, other = sorted(self.random.sample(range(self.last), 2))
        ids = [row["id"] for row in self.rows("org_audit_seals")]
        ids[one], ids[other] = ids[other], ids[one]
        if self.random.random() < 0.5:
            self.reseal(ids, with_head=self.random.random() < 0.5)
            return "reordered and sealed anew"
        for position, to in ((one + 1, -1), (other + 1, one + 1), (-1, other + 1)):
            self.do(
                "update org_audit_seals set position = %s where tenant_org_id = %s"
                " and position = %s",
                to, self.tenant_id, position,
            )  # fmt: skip
        return "swapped two positions"

    def recompute(self) -> str:
        """Changes an event, and makes all digests anew, without the master key."""
        self.update(
            "org_events", self.pick("org_events"), "actor_name", sql.Literal(self.word() + "!")
        )
        ids = [row["id"] for row in self.rows("org_audit_seals")]
        self.reseal(ids, with_head=True, with_tags=self.random.random() < 0.7)
        return "changed and recomputed"

    def reseal(
        self, ids: list[UUID], *, with_head: bool, with_tags: bool = True, since: int = 1
    ) -> None:
        old = self.rows("org_audit_seals")
        events = {row["id"]: row for row in self.rows("org_events")}
        self.connection.execute(
            "delete from org_audit_seals where tenant_org_id = %s", [self.tenant_id]
        )
        digest, key = genesis(self.tenant_id), FORGED.subkey(SEALS)
        for position, event_id in enumerate(ids, 1):
            like = old[min(position, len(old)) - 1]
            event = {name: events[event_id][name] for name in SEALED_COLUMNS}
            digest = seal_digest(digest, position, 1, like["sealed_at"], event)
            tag = seal_tag(key, digest) if with_tags and position >= since else like["tag"]
            self.do(
                "insert into org_audit_seals values (%s, %s, %s, %s, %s, %s, %s, %s)",
                self.tenant_id, event_id, position, FORMAT, digest, 1, tag, like["sealed_at"],
            )  # fmt: skip
        if with_head:
            [head] = self.rows("org_audit_heads")
            mac = head_mac(FORGED, self.tenant_id, len(ids), digest, head["sealed_through"], 1)
            self.do(
                "update org_audit_heads set position = %s, digest = %s, mac = %s"
                " where tenant_org_id = %s",
                len(ids), digest, mac, self.tenant_id,
            )  # fmt: skip

    def truncate(self) -> str:
        how = self.random.choice(["events", "seals", "both", "both and the head's numbers"])
        keep = self.random.randrange(self.last)
        seals = self.rows("org_audit_seals")
        gone = [row["id"] for row in seals[keep:]]
        if how != "seals":
            self.do("delete from org_events where id = any (%s)", gone)
        if how != "events":
            self.do("delete from org_audit_seals where id = any (%s)", gone)
        if how.endswith("numbers"):
            digest = seals[keep - 1]["digest"] if keep else genesis(self.tenant_id)
            self.do(
                "update org_audit_heads set position = %s, digest = %s where tenant_org_id = %s",
                keep, digest, self.tenant_id,
            )  # fmt: skip
        return f"cut off the tail of {how}"

    def replace_by_another_tenants(self) -> str:
        """All but the key of a row, or of all its columns in the seals."""
        table = self.random.choice(TABLES)
        mine, theirs = self.pick(table), self.random.choice(self.rows(table, self.other_id))
        names = [name for name in mine if name not in {"tenant_org_id", "id", "position"}]
        assignments = sql.SQL(", ").join(
            sql.SQL("{0} = o.{0}").format(sql.Identifier(name)) for name in names
        )
        self.connection.execute(
            sql.SQL(
                "update {0} t set {1} from {0} o where t.tenant_org_id = %s and t.id = %s"
                " and o.tenant_org_id = %s and o.id = %s"
            ).format(sql.Identifier(table), assignments),
            [self.tenant_id, mine["id"], self.other_id, theirs["id"]],
        )
        return f"{table} replaced by another tenant's"
