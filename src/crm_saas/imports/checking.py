"""A row of the file against the rules that the API has for the same fields."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from crm_saas.addresses.fields import new_columns as new_address
from crm_saas.addresses.schemas import CreateAddress
from crm_saas.custom.models import CustomField
from crm_saas.custom.values import usable_field
from crm_saas.customers.assignment import Assignable
from crm_saas.customers.creation import check_profile
from crm_saas.customers.fields import compose_names, read_fields
from crm_saas.customers.folding import fold_text
from crm_saas.customers.schemas import CustomerFields
from crm_saas.imports.cells import read_cell, read_custom, read_value
from crm_saas.imports.plans import KeptPlan
from crm_saas.imports.tables import Row
from crm_saas.imports.targets import ADDRESS, CUSTOM, NUMBER, PROFILE, REVENUE
from crm_saas.kit.context import Tenant
from crm_saas.kit.errors import FieldError, InvalidInput
from crm_saas.kit.explain import explain_struct

_SHOWN_LENGTH = 60
_PROBLEMS_MAX = 20
_KEYS = {"phone": "phone", "email": "email_key", "externalId": "external_id"}
# What a customer always has: an empty cell clears nothing.
_KEPT = frozenset({"preferences", "customerType", "journeyStage"})
_OPTIONAL = frozenset(
    name
    for name in CustomerFields.__struct_encode_fields__
    if name not in _KEPT and name != "annualRevenue"
)


class Problem(msgspec.Struct, rename="camel", omit_defaults=True):
    """Why a row is refused: in which column, what stands there, and what would help."""

    message: str
    column: str | None = None
    field: str | None = None
    value: str | None = None
    code: str = "invalid"


class Checked(NamedTuple):
    """`columns` are those that the file sets; `composed` what a new customer gets besides."""

    number: int
    key: str | None
    columns: dict[str, Any]
    composed: dict[str, Any]
    address: dict[str, Any] | None
    problems: list[Problem]


class Checker:
    """Checks rows of one file for one plan."""

    def __init__(
        self,
        tenant: Tenant,
        headers: Sequence[str],
        plan: KeptPlan,
        assignable: Assignable,
        fields: Mapping[str, CustomField],
    ) -> None:
        self._tenant, self._plan, self._assignable = tenant, plan, assignable
        self._fields = fields
        self._width = len(headers)
        places = {header: place for place, header in enumerate(headers)}
        self._places = [(places[header], field) for header, field in plan.mapping.items()]
        self._headers = {field: header for header, field in plan.mapping.items()}

    def check(self, row: Row) -> Checked:
        problems: list[Problem] = []
        if len(row.cells) > self._width and any(c.strip() for c in row.cells[self._width :]):
            problems.append(
                Problem(
                    f"the row has more cells than the header, which has {self._width:,}; a "
                    "delimiter within a cell needs quotes around it",
                    code="cells",
                )
            )
        sent, texts = self._read(row, problems)
        number, profile = sent.pop(NUMBER, None), sent.pop(PROFILE, "stub")
        place, own = _taken(sent, ADDRESS), _taken(sent, CUSTOM)
        columns = self._customer(sent, texts, problems)
        if own:
            columns["custom_fields"] = own
        address = self._address(place, texts, problems) if place else None
        composed = {} if problems else self._compose(columns, profile)
        key = self._key(number, columns)
        return Checked(row.number, key, columns, composed, address, problems[:_PROBLEMS_MAX])

    def _key(self, number: str | None, columns: Mapping[str, Any]) -> str | None:
        """By what the customer is found: a number that is not asked for finds nobody."""
        if self._plan.upsert_by == "customerNumber":
            return fold_text(number) if number else None
        return columns.get(_KEYS[self._plan.upsert_by])

    def _read(self, row: Row, problems: list[Problem]) -> tuple[dict[str, Any], dict[str, str]]:
        sent: dict[str, Any] = {}
        texts: dict[str, str] = {}
        clears = self._plan.empty_cells == "clear"
        for place, field in self._places:
            cell = row.cells[place] if place < len(row.cells) else ""
            texts[field] = cell
            try:
                if text := read_cell(cell, field):
                    sent[field] = self._value(field, text)
                elif clears and self._may_be_empty(field):
                    sent[field] = None
            except ValueError as error:
                problems.append(self._problem(field, cell, str(error)))
        revenue = {part: sent.pop(name) for name, part in REVENUE.items() if name in sent}
        if revenue:
            sent["annualRevenue"] = revenue
        return sent, texts

    def _value(self, field: str, text: str) -> Any:
        """Raises ValueError."""
        if not field.startswith(CUSTOM):
            return read_value(field, text, self._plan.dates)
        own = usable_field(self._fields, field.removeprefix(CUSTOM))
        return read_custom(own, text, self._plan.dates)

    def _may_be_empty(self, field: str) -> bool:
        """Raises ValueError where the tenant wants a value."""
        if not field.startswith(CUSTOM):
            return field in _OPTIONAL
        if usable_field(self._fields, field.removeprefix(CUSTOM)).required:
            raise ValueError("is required")
        return True

    def _customer(
        self, sent: dict[str, Any], texts: dict[str, str], problems: list[Problem]
    ) -> dict[str, Any]:
        try:
            columns = read_fields(self._tenant, msgspec.convert(sent, CustomerFields))
            self._assignable.check(columns)
            return columns
        except msgspec.ValidationError:
            errors = explain_struct(sent, CustomerFields)
        except InvalidInput as error:
            errors = error.fields
        problems += self._explained(errors, "", texts)
        return {}

    def _address(
        self, sent: dict[str, Any], texts: dict[str, str], problems: list[Problem]
    ) -> dict[str, Any] | None:
        sent = {"type": "home"} | sent
        try:
            return new_address(self._tenant, msgspec.convert(sent, CreateAddress))
        except msgspec.ValidationError:
            errors = explain_struct(sent, CreateAddress)
        except InvalidInput as error:
            errors = error.fields
        problems += self._explained(errors, ADDRESS, texts)
        return None

    def _compose(self, columns: dict[str, Any], profile: str) -> dict[str, Any]:
        """For a new customer; why there can be none of this row goes along as `refused`."""
        if profile not in {"guest", "stub", "full"}:
            return {"refused": [Problem("must be guest or stub", field=PROFILE, value=profile)]}
        # A file proves no phone: who was full elsewhere begins as a stub here.
        profile = "guest" if profile == "guest" else "stub"
        whole = compose_names({name: v for name, v in columns.items() if v is not None})
        own = {k: v for k, v in columns.get("custom_fields", {}).items() if v is not None}
        errors = self._missing(own) if own else []
        try:
            check_profile(profile, whole)
        except InvalidInput as error:
            errors += error.fields
        if errors:
            return {"refused": self._explained(errors, "", {})}
        composed = {name: v for name, v in whole.items() if columns.get(name) is None}
        if own:
            composed["custom_fields"] = own
        return composed | {"profile_status": profile}

    def _missing(self, own: Mapping[str, Any]) -> list[FieldError]:
        """As the API has it: who comes with values of these fields comes with all required ones."""
        return [
            FieldError(f"{CUSTOM}{key}", "is required", "required")
            for key, field in self._fields.items()
            if field.required and not field.archived_at and key not in own
        ]

    def _explained(
        self, errors: Iterable[FieldError], prefix: str, texts: dict[str, str]
    ) -> list[Problem]:
        problems = []
        for error in errors:
            field = prefix + error.field.split("[")[0]
            field = _PARTS.get(field, field)
            problems.append(self._problem(field, texts.get(field, ""), error.message, error.code))
        return problems

    def _problem(self, field: str, cell: str, message: str, code: str = "invalid") -> Problem:
        shown = cell.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
        return Problem(
            message,
            column=self._headers.get(field),
            field=field,
            value=shown if len(shown) <= _SHOWN_LENGTH else f"{shown[: _SHOWN_LENGTH - 1]}…",
            code=code,
        )


_PARTS = {
    "annualRevenue": "annualRevenueAmount",
    "annualRevenue.amount": "annualRevenueAmount",
    "annualRevenue.currency": "annualRevenueCurrency",
}


def _taken(sent: dict[str, Any], prefix: str) -> dict[str, Any]:
    """What begins so, without it, and out of `sent`."""
    names = [name for name in sent if name.startswith(prefix)]
    return {name.removeprefix(prefix): sent.pop(name) for name in names}


def written_columns(plan: KeptPlan) -> set[str]:
    """The columns of a customer that rows of this plan may set."""
    names = dict(
        zip(CustomerFields.__struct_encode_fields__, CustomerFields.__struct_fields__, strict=True)
    )
    fields = {field for field in plan.mapping.values() if field in names}
    columns = {names[field] for field in fields}
    if "email" in columns:
        columns.add("email_key")
    if REVENUE.keys() & set(plan.mapping.values()):
        columns |= {"annual_revenue_minor", "annual_revenue_currency"}
    if any(field.startswith(CUSTOM) for field in plan.mapping.values()):
        columns.add("custom_fields")
    return columns
