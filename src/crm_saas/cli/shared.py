"""What the commands share."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
import msgspec

from crm_saas.kit.postgres.embedded import EmbeddedPostgres
from crm_saas.kit.settings import Settings, data_folder

T = TypeVar("T")

as_json = click.option("--json", "json_output", is_flag=True, help="Print JSON.")


def load_settings() -> Settings:
    """From the environment; without DATABASE_URL, the database that `make run` keeps running."""
    if not os.environ.get("DATABASE_URL"):
        url = EmbeddedPostgres.running_url(data_folder())
        if url is not None:
            os.environ["DATABASE_URL"] = url
    return Settings.from_environment()


def show(value: Any, line: str, *, json_output: bool) -> None:
    if json_output:
        click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
    else:
        click.echo(line)


def run(work: Callable[[Settings], Awaitable[T]]) -> T:
    settings = load_settings()

    async def finished() -> T:
        return await work(settings)

    return asyncio.run(finished())
