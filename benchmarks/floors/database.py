"""D, the database's limit: pgbench with prepared statements on as many connections."""

import math
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import psycopg.conninfo

from benchmarks.floors import statements
from benchmarks.floors.statements import filled
from crm_saas.kit.postgres.binaries import find_binaries

_TENANT = "('018c0000-0000-7' || lpad(to_hex(:tenant::int), 3, '0') || '-8000-000000000000')::uuid"
_CUSTOMER = (
    "('018c1000-0000-7' || lpad(to_hex(:tenant::int), 3, '0') || '-8000-'"
    " || lpad(to_hex(:place::bigint), 12, '0'))::uuid"
)
_PHONE = (
    "'+968' || (91000000 + (:place::bigint * 7368787 + :tenant::bigint * 104729) % 9000000)::text"
)
_NEW = {
    "tenant": _TENANT,
    "customer": ":id::uuid",
    "number": ":last_value",
    "name": "'Khalid Al Harthy ' || (:any::bigint % 100000)::text",
    "phone": "'+0' || :any::text",
    "identifier": "uuidv7()",
    "event": "uuidv7()",
    "answer": "uuidv7()",
    "key": ":any::text",
    "digest": "decode(md5(:any::text), 'hex')",
    "after": """'{"name": "Khalid Al Harthy", "phone": "+96890000000", "type": "stub"}'""",
    "body": "decode(repeat('5e', 1200), 'hex')",
}
_PROGRESS = re.compile(r"^progress: ([\d.]+) s, ([\d.]+) tps", re.MULTILINE)
_OVERALL = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
_ANSWERED = re.compile(r"number of transactions actually processed: (\d+)")
_FAILED = re.compile(r"number of failed transactions: (\d+)")


@dataclass(frozen=True)
class Tenants:
    """Where the work goes: some requests to the main tenant, some to the others."""

    first: int
    last: int
    places: int
    """Customers that each of them has, at the least."""
    weight: int = 1

    @property
    def draw(self) -> str:
        return f"\\set tenant random({self.first}, {self.last})"


@dataclass(frozen=True)
class Ran:
    per_second: float
    transactions: int
    errors: int


def read_script(tenants: Tenants) -> str:
    return _script(
        tenants.draw,
        f"\\set place random(1, {tenants.places})",
        filled(statements.READ, {"tenant": _TENANT, "customer": _CUSTOMER}),
    )


def find_script(tenants: Tenants) -> str:
    """Every twentieth customer has an Omani phone (people.phone_of)."""
    return _script(
        tenants.draw,
        f"\\set place 20 * random(0, {(tenants.places - 1) // 20}) + 1",
        filled(statements.FIND, {"tenant": _TENANT, "phone": _PHONE}),
    )


def list_scripts(tenants: Tenants) -> list[str]:
    return [
        _script(tenants.draw, filled(statement, {"tenant": _TENANT}))
        for statement in statements.LISTS.values()
    ]


def create_script(tenants: Tenants) -> str:
    number, customer, *inserts = statements.CREATE
    return "\n".join(
        [
            tenants.draw,
            "\\set any random(1, 1000000000000000)",
            "begin;",
            filled(number, _NEW).strip() + " \\gset",
            filled(customer, _NEW | {"customer": "uuidv7()"}).strip() + " \\gset",
            *(filled(insert, _NEW).strip() + ";" for insert in inserts),
            "commit;\n",
        ]
    )


def _script(*parts: str) -> str:
    *sets, statement = parts
    return "\n".join([*sets, statement.strip() + ";"]) + "\n"


def run(
    url: str,
    scripts: Sequence[tuple[str, int]],
    *,
    connections: int,
    seconds: float,
    warm_up_seconds: float,
) -> Ran:
    """Transactions a second after the warm-up; the scripts in proportion of their weights."""
    warm_up, measured = math.ceil(warm_up_seconds), max(1, round(seconds))
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, (script, weight) in enumerate(scripts):
            file = Path(folder) / f"{number}.sql"
            file.write_text(script)
            files += ["-f", f"{file}@{weight}"]
        done = subprocess.run(
            [
                *(program("pgbench"), "--no-vacuum", "--protocol=prepared", "--progress=1"),
                *(f"--client={connections}", f"--jobs={min(2, connections)}"),
                *(f"--time={warm_up + measured}", *files),
            ],
            env=environment(url),
            capture_output=True,
            text=True,
            timeout=60 + warm_up + measured,
        )
    if done.returncode != 0:
        raise RuntimeError(f"pgbench failed:\n{done.stderr[-2000:]}")
    rates = [float(tps) for at, tps in _PROGRESS.findall(done.stderr) if float(at) > warm_up + 0.5]
    overall = float(_OVERALL.findall(done.stdout)[0])
    return Ran(
        per_second=fmean(rates) if rates else overall,
        transactions=int(_ANSWERED.findall(done.stdout)[0]),
        errors=sum(map(int, _FAILED.findall(done.stdout))),
    )


def program(name: str) -> str:
    """Of PostgreSQL, of the version that is measured."""
    return str(find_binaries(None, data_major=None).folder / name)


def environment(url: str) -> dict[str, str]:
    """For them, so that no password is seen in a list of processes."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    named = {names[key]: str(value) for key, value in parts.items() if key in names}
    return {"PATH": os.environ["PATH"], "PGDATABASE": str(parts["dbname"]), **named}
