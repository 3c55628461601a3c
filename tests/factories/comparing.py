"""What the schedule does every few seconds: customers that wait are compared with the others."""

import asyncio

from crm_saas.kit.db import Database
from crm_saas.kit.settings import Settings
from crm_saas.merges.tasks import compare_everywhere
from crm_saas.worker import open_queue


def run_jobs_and_compare(settings: Settings) -> None:
    """Runs what waits in the queue, the comparisons with it."""
    asyncio.run(_run(settings))


async def enqueue_comparisons(settings: Settings) -> None:
    platform = Database(settings, "crm_platform")
    await compare_everywhere(platform)
    await platform.close()


async def _run(settings: Settings) -> None:
    await enqueue_comparisons(settings)
    async with open_queue(settings) as queue:
        await queue.run_pending()
