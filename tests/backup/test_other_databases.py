"""An archive fits the schema it was taken from, and arrives as it left or not at all."""

import psycopg

from backup.stock import Stock, refused
from crm_saas.kit.settings import Settings


def test_another_schemas(
    stock: Stock, settings: Settings, owner_connection: psycopg.Connection
) -> None:
    owner_connection.execute("alter table org_teams add column colour text")
    refused(settings, stock.archive, "other tables or columns than this database: org_teams")
    owner_connection.execute("update alembic_version set version_num = '9999'")
    refused(settings, stock.archive, "this database has 9999")


def test_what_does_not_come_out_the_same_is_taken_back(
    stock: Stock, settings: Settings, owner_connection: psycopg.Connection
) -> None:
    """A trigger stands for whatever may change rows on their way in."""
    owner_connection.execute(
        """
        create function exclaim() returns trigger language plpgsql
        as $$ begin new.name := new.name || '!'; return new; end $$;
        create trigger exclaim before insert on org_teams
        for each row execute function exclaim();
        """
    )
    refused(settings, stock.archive, "org_teams is not what it was")
