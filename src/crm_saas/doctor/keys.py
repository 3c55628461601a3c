"""Whether the ring has every master key that something stored was made with."""

from collections.abc import Iterator

import psycopg

from crm_saas.doctor.checks import Check
from crm_saas.kit.settings import Settings
from crm_saas.rotation import keys_in_use

NAME = "master keys"


def keys_check(settings: Settings) -> Check:
    def find_missing(_: psycopg.Connection) -> Iterator[str]:
        for version, reasons in sorted(keys_in_use(settings).items()):
            if version not in settings.master_keys:
                yield (
                    f"CRM_MASTER_KEYS lacks key {version}: {', '.join(reasons)} need it. Put it "
                    "back, and run `crm-saas keys rotate-master` before it goes."
                )

    return Check(NAME, "CRM_MASTER_KEYS has every key that is in use.", find_missing)
