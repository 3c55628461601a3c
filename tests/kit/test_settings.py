import pytest

from crm_saas.kit.settings import Settings, SettingsError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRM_ENVIRONMENT", "Production"),  # not silently the other one, with its known key
        ("CRM_POOL_SIZE", "0"),  # SQLAlchemy's word for no bound
        ("CRM_POOL_SIZE", "ten"),
        ("CRM_MASTER_KEYS", "1:short"),
        ("CRM_MASTER_KEY_CURRENT", "2"),  # of keys that have the one number 1
    ],
)
def test_what_cannot_be_meant_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({name: value})


def test_empty_is_unset() -> None:
    settings = Settings.from_environment({"CRM_ENVIRONMENT": "", "CRM_POOL_SIZE": ""})

    assert (settings.environment, settings.pool_size) == ("development", 10)


def test_production_asks_for_keys_of_its_own() -> None:
    with pytest.raises(SettingsError, match="CRM_MASTER_KEYS"):
        Settings.from_environment({"CRM_ENVIRONMENT": "production"})


def test_what_is_printed_of_settings_holds_no_secret() -> None:
    settings = Settings.from_environment(
        {
            "DATABASE_URL": "postgresql://crm_owner:hidden@host/crm",
            "CRM_APP_DATABASE_URL": "postgresql://crm_app:hidden@host/crm",
            "TWILIO_AUTH_TOKEN": "hidden",
        }
    )

    assert "hidden" not in repr(settings)
    assert "master_keys" not in repr(settings)
