"""PostgreSQL in a container, where a Docker engine answers."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from testcontainers.postgres import PostgresContainer


@contextmanager
def postgres_container() -> Iterator[str]:
    """The URL of an owner that is no superuser, as on a managed server."""
    with PostgresContainer("postgres:18", driver=None) as container:
        with psycopg.connect(container.get_connection_url(), autocommit=True) as connection:
            connection.execute(
                "create role crm_owner login createrole createdb password 'crm-owner'"
            )
            connection.execute("create database crm owner crm_owner")
        host, port = container.get_container_host_ip(), container.get_exposed_port(5432)
        yield f"postgresql://crm_owner:crm-owner@{host}:{port}/crm"
