"""A look into the database as one of its roles; crm_platform and crm_dump see every tenant."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from crm_saas.kit.settings import Role, Settings


@contextmanager
def as_role(settings: Settings, role: Role = "crm_platform") -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(settings.url(role), autocommit=True) as connection:
        yield connection


def rows(settings: Settings, query: str, *values: object) -> list[tuple[Any, ...]]:
    with as_role(settings) as connection:
        return connection.execute(query.encode(), values).fetchall()


@contextmanager
def new_database(owner_url: str, purpose: str, template: str | None = None) -> Iterator[str]:
    """The URL of an empty database, or of a copy of the template's; dropped at the end."""
    name = f"crm_{purpose}_{uuid.uuid4().hex[:12]}"
    copied = f"template {template} strategy file_copy" if template else ""
    admin_url = make_url(owner_url)
    with psycopg.connect(
        admin_url.render_as_string(hide_password=False), autocommit=True
    ) as connection:
        connection.execute(f"create database {name} {copied}".encode())
        try:
            yield admin_url.set(database=name).render_as_string(hide_password=False)
        finally:
            _drop(connection, name)


def _drop(connection: psycopg.Connection, name: str) -> None:
    """PostgreSQL waits five seconds for connections that are about to end. One that a cancelled
    attempt to connect has left open lives as long as this process; its database stays behind."""
    with suppress(psycopg.errors.ObjectInUse):
        connection.execute(f"drop database {name}".encode())
