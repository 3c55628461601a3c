"""Contact data for eyes that may not see it whole."""

from typing import Any

from crm_saas.kit.emails import mask_email
from crm_saas.kit.phones import E164_PATTERN, mask_phone


def _mask_phone(text: str) -> str:
    """The filter of an export holds the phone as it was typed: nothing of that is shown."""
    return mask_phone(text) if E164_PATTERN.fullmatch(text) else "****"


_MASKS = {"phone": _mask_phone, "email": mask_email, "email_key": mask_email}


def mask_contacts(values: dict[str, Any] | None) -> dict[str, Any] | None:
    """A copy of an event's values in which phones and e-mails are masked, however deep they lie."""
    return None if values is None else {name: _masked(name, v) for name, v in values.items()}


def _masked(name: str, value: Any) -> Any:
    match value:
        case str() if name in _MASKS and value:
            return _MASKS[name](value)
        case dict():
            return mask_contacts(value)
        case list():
            return [_masked(name, item) for item in value]
    return value
