"""A look into the database as one of its roles; crm_platform and crm_dump see every tenant."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from crm_saas.kit.settings import Role, Settings


@contextmanager
def as_role(settings: Settings, role: Role = "crm_platform") -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(settings.url(role), autocommit=True) as connection:
        yield connection


def rows(settings: Settings, query: str, *values: object) -> list[tuple[Any, ...]]:
    with as_role(settings) as connection:
        return connection.execute(query.encode(), values).fetchall()
