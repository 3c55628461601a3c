"""Settings of one process, read once from the environment."""

import hashlib
import hmac
import os
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

Role = Literal["crm_app", "crm_platform", "crm_dump", "crm_worker"]

_DEVELOPMENT_KEY = hashlib.sha256(b"crm_saas development master key").digest()
# Without the value, which holds a password.
_NOT_A_URL = "DATABASE_URL must read postgresql://owner:password@host/database."

ROOT = Path(__file__).resolve().parents[3]


class SettingsError(ValueError):
    """A setting is missing or unusable; the text says which and what to do."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a process needs to know from outside.

    `database_url` is the owner's. The other roles' URLs are derived from it, unless their own
    are given: a production API process should know `CRM_APP_DATABASE_URL` alone.
    """

    database_url: str = field(default="", repr=False)
    role_urls: Mapping[Role, str] = field(default_factory=dict, repr=False)
    environment: Literal["development", "production"] = "development"
    master_keys: Mapping[int, bytes] = field(
        default_factory=lambda: {1: _DEVELOPMENT_KEY}, repr=False
    )
    master_key_current: int | None = None
    public_url: str = "http://127.0.0.1:8000"
    base_domain: str = ""
    trusted_proxies: str = ""
    files_url: str = ""
    pool_size: int = 10
    pool_timeout_seconds: float = 3.0
    prepare_threshold: int | None = 5
    body_bytes_max: int = 1024 * 1024
    import_bytes_max: int = 256 * 1024 * 1024
    requests_in_flight_max: int = 200
    requests_per_minute_key: int = 1_200
    requests_per_minute_tenant: int = 6_000
    requests_per_minute_address: int = 6_000
    budget_window_seconds: int = 60
    otp_sender: Literal["log", "twilio"] = "log"
    otp_channels: tuple[str, ...] = ("sms",)
    otp_countries: tuple[str, ...] = ()
    twilio_account_sid: str = ""
    twilio_auth_token: str = field(default="", repr=False)
    twilio_from: str = ""
    twilio_whatsapp_from: str = ""
    twilio_whatsapp_template: str = ""
    twilio_base_url: str = ""
    metrics_token: str = field(default="", repr=False)
    metrics_port: int = 0
    drain_seconds: int = 0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        env = os.environ if environ is None else environ
        environment = env.get("CRM_ENVIRONMENT") or "development"
        if environment not in {"development", "production"}:
            raise SettingsError(
                f"CRM_ENVIRONMENT must be development or production, not {environment!r}."
            )
        production = environment == "production"
        urls: dict[Role, str] = {}
        for role in ("crm_app", "crm_platform", "crm_dump", "crm_worker"):
            if url := env.get(f"{role.upper()}_DATABASE_URL"):
                urls[role] = url
        keys = _master_keys(env.get("CRM_MASTER_KEYS", ""), production=production)
        plain = {
            name: value
            for name, variable in _PLAIN.items()
            if (value := env.get(variable)) is not None and value != ""
        }
        settings = cls(
            database_url=env.get("DATABASE_URL", ""),
            role_urls=urls,
            environment="production" if production else "development",
            master_keys=keys,
            master_key_current=_current_key(env, keys),
            **plain,  # type: ignore[arg-type]
        )
        return replace(
            settings,
            otp_channels=_words(env.get("CRM_OTP_CHANNELS"), settings.otp_channels),
            otp_countries=_words(env.get("CRM_OTP_COUNTRIES"), settings.otp_countries),
            pool_size=_whole(env, "CRM_POOL_SIZE", settings.pool_size, least=1),
            import_bytes_max=_whole(
                env, "CRM_IMPORT_BYTES_MAX", settings.import_bytes_max, least=1024
            ),
            requests_in_flight_max=_whole(
                env, "CRM_REQUESTS_IN_FLIGHT", settings.requests_in_flight_max, least=2
            ),
            **_request_budgets(env),
            # PgBouncer before 1.21 cannot carry prepared statements: 0 turns them off.
            prepare_threshold=_whole(env, "CRM_PREPARE_THRESHOLD", 5, least=0) or None,
            metrics_port=_whole(env, "CRM_METRICS_PORT", 0, least=0),
            drain_seconds=_whole(env, "CRM_DRAIN_SECONDS", 5 if production else 0, least=0),
        )

    def url(self, role: Role) -> str:
        """The database URL of `role`, its password derived from the owner's."""
        if role in self.role_urls:
            return self.role_urls[role]
        owner = self.owner_url
        return owner.set(
            username=role, password=role_password(owner.password or "", role)
        ).render_as_string(hide_password=False)

    @property
    def owner_url(self) -> URL:
        if not self.database_url:
            raise SettingsError(
                "DATABASE_URL is not set. Give the owner's URL "
                "(postgresql://owner:password@host/database), or run `make run`, "
                "which starts a PostgreSQL of its own."
            )
        try:
            url = make_url(self.database_url)
        except ArgumentError as error:
            raise SettingsError(_NOT_A_URL) from error
        if url.get_backend_name() not in {"postgresql", "postgres"}:
            raise SettingsError(_NOT_A_URL)
        return url


def data_folder() -> Path:
    """Where `make run` keeps its database: `CRM_DATA`, else `.data` beside the README."""
    return Path(os.environ.get("CRM_DATA") or ROOT / ".data")


_PLAIN = {
    "public_url": "CRM_PUBLIC_URL",
    "base_domain": "CRM_BASE_DOMAIN",
    "trusted_proxies": "CRM_TRUSTED_PROXIES",
    "files_url": "CRM_FILES_URL",
    "otp_sender": "CRM_OTP_SENDER",
    "twilio_account_sid": "TWILIO_ACCOUNT_SID",
    "twilio_auth_token": "TWILIO_AUTH_TOKEN",
    "twilio_from": "TWILIO_FROM",
    "twilio_whatsapp_from": "TWILIO_WHATSAPP_FROM",
    "twilio_whatsapp_template": "TWILIO_WHATSAPP_TEMPLATE",
    "twilio_base_url": "TWILIO_BASE_URL",
    "metrics_token": "CRM_METRICS_TOKEN",
}


def role_password(owner_password: str, role: str) -> str:
    """The password of a role that `migrate` makes: nothing more to store or to leak."""
    return hmac.new(owner_password.encode(), role.encode(), hashlib.sha256).hexdigest()


def _master_keys(text: str, *, production: bool) -> dict[int, bytes]:
    """`1:base64,2:base64`; the highest version encrypts unless another is named, all decrypt."""
    if not text:
        if production:
            raise SettingsError(
                "CRM_MASTER_KEYS is not set. Make one with `crm-saas new-master-key` and keep it: "
                "without it stored secrets cannot be read."
            )
        return {1: _DEVELOPMENT_KEY}
    keys: dict[int, bytes] = {}
    for part in text.split(","):
        version, _, encoded = part.strip().partition(":")
        try:
            keys[int(version)] = b64decode(encoded, validate=True)
        except ValueError as error:
            raise SettingsError("CRM_MASTER_KEYS must read 1:base64,2:base64 …") from error
    if any(len(key) != 32 for key in keys.values()):
        raise SettingsError("Each key in CRM_MASTER_KEYS must be 32 bytes, base64-encoded.")
    return keys


def _current_key(env: Mapping[str, str], keys: Mapping[int, bytes]) -> int | None:
    """Which of them encrypts, while a higher one is rolled out; None is the highest."""
    current = _whole(env, "CRM_MASTER_KEY_CURRENT", 0, least=1) or None
    if current is not None and current not in keys:
        raise SettingsError(
            f"CRM_MASTER_KEY_CURRENT is {current}, and CRM_MASTER_KEYS has {sorted(keys)}: name "
            "one of these, or unset it, and the highest encrypts."
        )
    return current


def _request_budgets(env: Mapping[str, str]) -> dict[str, Any]:
    """0 is no limit."""
    names = (f"requests_per_minute_{subject}" for subject in ("key", "tenant", "address"))
    return {
        name: _whole(env, f"CRM_{name.upper()}", getattr(Settings, name), least=0) for name in names
    }


def _words(text: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split()) if text else default


def _whole(env: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = env.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        raise SettingsError(f"{name} must be a whole number from {least} on, not {text!r}.")
    return int(text)
