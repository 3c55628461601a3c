"""`crm-saas doctor`: proves isolation on the live database."""

import msgspec

from crm_saas.kit.settings import Settings


class Finding(msgspec.Struct):
    check: str
    ok: bool
    detail: str


async def examine(settings: Settings) -> list[Finding]:
    return []
