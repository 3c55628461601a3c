"""The secrets of a deployment, made here so that nobody derives a password by hand."""

import os
import secrets
from base64 import b64encode

from crm_saas.kit.pgbouncer import POOLED_ROLES
from crm_saas.kit.settings import Role, Settings, role_password

SERVING_ROLES: tuple[Role, ...] = ("crm_app", "crm_platform", "crm_worker")


def role_urls(settings: Settings, *, pgbouncer: tuple[str, int] | None = None) -> dict[str, str]:
    """The variables that API and worker are given in place of the owner's URL.

    With the host and port of a PgBouncer, the roles that may come through it do.
    """
    urls: dict[str, str] = {}
    for role in SERVING_ROLES:
        password = role_password(settings.owner_url.password or "", role)
        url = settings.owner_url.set(username=role, password=password)
        if pgbouncer is not None and role in POOLED_ROLES:
            url = url.set(host=pgbouncer[0], port=pgbouncer[1])
        urls[f"{role.upper()}_DATABASE_URL"] = url.render_as_string(hide_password=False)
    return urls


def new_master_key(version: int) -> str:
    """For CRM_MASTER_KEYS."""
    return f"{version}:{b64encode(os.urandom(32)).decode()}"


def compose_environment() -> dict[str, str]:
    """Fresh secrets for deploy/compose.yaml, written to deploy/.env once and kept."""
    owner = secrets.token_hex(24)
    return {
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "CRM_OWNER_PASSWORD": owner,
        **{f"{role.upper()}_PASSWORD": role_password(owner, role) for role in SERVING_ROLES},
        "CRM_MASTER_KEYS": new_master_key(1),
    }
