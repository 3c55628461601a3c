"""SQLAlchemy's pool, counting."""

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from crm_saas.kit.telemetry import metrics


def counted_pool(role: str, name: str) -> type[AsyncAdaptedQueuePool]:
    """A pool class whose metrics carry these names: a pool makes itself anew by its class."""
    in_use = metrics.POOL_IN_USE.labels(role, name)
    waits = metrics.POOL_WAIT_SECONDS.labels(role, name)
    timeouts = metrics.POOL_TIMEOUTS.labels(role, name)

    class CountedPool(AsyncAdaptedQueuePool):
        __module__ = "sqlalchemy.pool"  # the name of its logger, which is at WARNING and filtered
        _noted = 0

        def _do_get(self) -> ConnectionPoolEntry:
            with waits.time():
                try:
                    entry = super()._do_get()
                except PoolTimeout:
                    timeouts.inc()
                    raise
            self._note()
            return entry

        def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
            super()._do_return_conn(record)
            self._note()

        def _note(self) -> None:
            """By difference: the pool's own methods call each other."""
            now = self.checkedout()
            in_use.inc(now - self._noted)
            self._noted = now

    return CountedPool
