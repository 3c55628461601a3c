"""`crm-saas doctor`: proves isolation on the live database, and leaves nothing behind.

Every check is a function of a connection that yields a sentence for each fault. It runs in a
transaction that is rolled back and takes no lock that a request would wait for.
"""

import asyncio
from collections.abc import Iterator

import msgspec
import psycopg
from sqlalchemy.exc import DBAPIError

from crm_saas.doctor.canary import CHECK as CANARY
from crm_saas.doctor.checks import PLATFORM, Check
from crm_saas.doctor.declared import CHECKS as DECLARED
from crm_saas.doctor.files import files_check
from crm_saas.doctor.keys import keys_check
from crm_saas.doctor.operation import CHECKS as OPERATION
from crm_saas.doctor.roles import CHECKS as ROLES
from crm_saas.doctor.sealing import CHECK as SEALING
from crm_saas.doctor.server import CHECKS as SERVER
from crm_saas.doctor.tables import CHECKS as TABLES
from crm_saas.kit.db import Database
from crm_saas.kit.guard import UnsafeDatabase, refuse_unsafe_role
from crm_saas.kit.schema import owner_connection
from crm_saas.kit.settings import Settings


class Finding(msgspec.Struct):
    check: str
    ok: bool
    detail: str


CHECKS: tuple[Check, ...] = (*SERVER, *ROLES, *TABLES, *DECLARED, *OPERATION)
# Those that read tenants' rows, of which the owner sees none.
PLATFORM_CHECKS: tuple[Check, ...] = (CANARY, SEALING)


async def examine(settings: Settings) -> list[Finding]:
    """One finding a check that is fine, one a fault where it is not."""
    findings = [await _start(settings)]
    findings += await asyncio.to_thread(lambda: list(_examine(settings)))
    return findings


async def _start(settings: Settings) -> Finding:
    """What the application asks of its own role before it serves."""
    name, database = "start", Database(settings)
    try:
        await refuse_unsafe_role(database)
    except UnsafeDatabase as error:
        return Finding(name, False, str(error))
    except DBAPIError as error:
        return Finding(name, False, f"The application cannot connect: {error.orig}")
    finally:
        await database.close()
    return Finding(name, True, "The application would start with its role.")


def _examine(settings: Settings) -> Iterator[Finding]:
    platform_checks = (*PLATFORM_CHECKS, keys_check(settings))
    with owner_connection(settings) as owner:
        for check in (*CHECKS, files_check(settings)):
            yield from _findings(check, owner)
    try:
        platform = psycopg.connect(settings.url(PLATFORM), connect_timeout=10)
    except psycopg.OperationalError as error:
        for check in platform_checks:
            yield Finding(check.name, False, f"{PLATFORM} cannot connect: {error}")
        return
    with platform:
        for check in platform_checks:
            yield from _findings(check, platform)


def _findings(check: Check, connection: psycopg.Connection) -> Iterator[Finding]:
    try:
        with connection.transaction(force_rollback=True):
            faults = list(check.find(connection))
    except psycopg.Error as error:
        faults = [f"It could not be checked: {error}"]
    for fault in faults:
        yield Finding(check.name, False, fault)
    if not faults:
        yield Finding(check.name, True, check.fine)
