"""What a deployment has to be told, made here so that nobody derives a password by hand."""

import os
import secrets
from base64 import b64encode
from collections.abc import Sequence

from sqlalchemy.engine import URL

from crm_saas.kit.settings import Role, Settings, role_password

# The worker's queue listens for notifications, so crm_worker never comes through PgBouncer.
POOLED_ROLES: tuple[Role, ...] = ("crm_app", "crm_platform")


def pgbouncer_userlist(settings: Settings, roles: Sequence[Role] = POOLED_ROLES) -> str:
    """PgBouncer's auth_file. In plain text: a SCRAM verifier cannot log in to the server."""
    return "".join(f"{_quoted(role)} {_quoted(_password(settings, role))}\n" for role in roles)


def role_urls(
    settings: Settings, *, pooled_host: str = "", pooled_port: int = 6432
) -> dict[str, str]:
    """The variables that API and worker need in place of the owner's URL.

    With `pooled_host`, the roles that may come through PgBouncer do.
    """
    urls: dict[str, str] = {}
    for role in ("crm_app", "crm_platform", "crm_worker"):
        url = settings.owner_url.set(username=role, password=_password(settings, role))
        if pooled_host and role in POOLED_ROLES:
            url = url.set(host=pooled_host, port=pooled_port)
        urls[f"{role.upper()}_DATABASE_URL"] = _text(url)
    return urls


def compose_environment() -> dict[str, str]:
    """Fresh secrets for deploy/compose.yaml, to be written to deploy/.env once and kept."""
    owner = secrets.token_hex(24)
    roles: tuple[Role, ...] = ("crm_app", "crm_platform", "crm_worker")
    return {
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "CRM_OWNER_PASSWORD": owner,
        **{f"{role.upper()}_PASSWORD": role_password(owner, role) for role in roles},
        "CRM_MASTER_KEYS": new_master_key(),
    }


def new_master_key(version: int = 1) -> str:
    """One entry of CRM_MASTER_KEYS."""
    return f"{version}:{b64encode(os.urandom(32)).decode()}"


def _password(settings: Settings, role: Role) -> str:
    return role_password(settings.owner_url.password or "", role)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
