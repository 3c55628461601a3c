"""F, the framework's limit: bare handlers that run the plain SQL and encode what it answers.

No authentication, no validation, no policies. As many processes and connections as the product has.
"""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.params import FromPath
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from uuid_utils.compat import uuid7

from benchmarks.floors import statements
from benchmarks.floors.statements import bound

POOL_SIZE = 10
URL_VARIABLE = "CRM_BENCH_FLOOR_URL"

_READ, _FIND = bound(statements.READ), bound(statements.FIND)
_LISTS = [bound(statement) for statement in statements.LISTS.values()]
_NUMBER, *_INSERTS = (bound(statement) for statement in statements.CREATE)
# Of the length that a stored answer has, encrypted.
_STORED_BYTES = 1_200

pool: AsyncConnectionPool[AsyncConnection[dict[str, Any]]] = AsyncConnectionPool(
    os.environ.get(URL_VARIABLE, ""),
    min_size=POOL_SIZE,
    max_size=POOL_SIZE,
    open=False,
    kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
)


@asynccontextmanager
async def connected(_: Litestar) -> AsyncIterator[None]:
    async with pool:
        yield


@get("/read/{tenant:uuid}/{customer:uuid}")
async def read(tenant: FromPath[UUID], customer: FromPath[UUID]) -> Response[bytes]:
    return _json(await _rows(_READ, {"tenant": tenant, "customer": customer}))


@get("/find/{tenant:uuid}/{phone:str}")
async def find(tenant: FromPath[UUID], phone: FromPath[str]) -> Response[bytes]:
    return _json(await _rows(_FIND, {"tenant": tenant, "phone": phone}))


@get("/list/{tenant:uuid}/{which:int}")
async def list_page(tenant: FromPath[UUID], which: FromPath[int]) -> Response[bytes]:
    return _json(await _rows(_LISTS[which], {"tenant": tenant}))


@post("/create/{tenant:uuid}")
async def create(tenant: FromPath[UUID], request: Request[Any, Any, Any]) -> Response[bytes]:
    content = await request.body()
    sent = msgspec.json.decode(content)
    digest = hashlib.sha256(content).digest()
    values = {
        "tenant": tenant,
        "name": sent["name"],
        "phone": sent["phone"],
        "key": request.headers["idempotency-key"],
        "after": content.decode(),
        "digest": digest,
        "body": os.urandom(_STORED_BYTES),
        **{name: uuid7() for name in ("customer", "identifier", "event", "answer")},
    }
    async with pool.connection() as connection, connection.transaction():
        numbered = await (await connection.execute(_NUMBER.encode(), values)).fetchone()
        assert numbered, "each tenant has a counter"
        values["number"] = numbered["last_value"]
        for insert in _INSERTS:
            await connection.execute(insert.encode(), values)
    return _json({"id": values["customer"], "number": values["number"], **sent})


async def _rows(statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        return await (await connection.execute(statement.encode(), values)).fetchall()


def _json(answer: object) -> Response[bytes]:
    return Response(msgspec.json.encode(answer), media_type=MediaType.JSON)


app = Litestar(
    [read, find, list_page, create],
    lifespan=[connected],
    openapi_config=None,
    logging_config=None,
)
