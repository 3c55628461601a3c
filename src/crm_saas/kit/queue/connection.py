"""The worker's own connections to the job queue, as crm_worker."""

from procrastinate import PsycopgConnector
from sqlalchemy.engine import make_url

from crm_saas.kit.settings import Settings


def queue_connector(settings: Settings) -> PsycopgConnector:
    url = make_url(settings.url("crm_worker")).set(drivername="postgresql")
    return PsycopgConnector(
        conninfo=url.render_as_string(hide_password=False),
        min_size=1,
        max_size=4,
        timeout=10,
        kwargs={
            # Procrastinate's SQL names nothing with a schema.
            "options": "-c search_path=jobs,pg_temp",
            "application_name": "crm_worker",
            "connect_timeout": 5,
        },
    )
