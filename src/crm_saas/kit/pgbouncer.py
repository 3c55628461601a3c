"""What PgBouncer has to know of the roles."""

from crm_saas.kit.settings import Role, Settings, role_password

# The worker's queue listens for notifications, so crm_worker never comes through PgBouncer.
POOLED_ROLES: tuple[Role, ...] = ("crm_app", "crm_platform")


def userlist(settings: Settings) -> str:
    """Its auth_file, in plain text: a SCRAM verifier can check a client, but not log in for it."""
    owner_password = settings.owner_url.password or ""
    return "".join(f'"{role}" "{role_password(owner_password, role)}"\n' for role in POOLED_ROLES)
