"""Which column becomes which field: the header lines that businesses have."""

import pytest

from crm_saas.imports.mapping import check_mapping, guess
from crm_saas.kit.errors import InvalidInput

# Of the customer exports of both, in 2026.
SHOPIFY = (
    "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,"
    "Default Address Address1,Default Address Address2,Default Address City,"
    "Default Address Province Code,Default Address Country Code,Default Address Zip,"
    "Default Address Phone,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Note,Tax Exempt,"
    "Tags"
)
SHOPIFY_OF_OLD = (
    "First Name,Last Name,Email,Accepts Marketing,Company,Address1,Address2,City,Province,"
    "Province Code,Country,Country Code,Zip,Phone,Total Spent,Total Orders,Tags,Note,Tax Exempt"
)
SQUARE = (
    "Reference ID,First Name,Last Name,Email Address,Phone Number,Nickname,Company Name,"
    "Street Address 1,Street Address 2,City,State,Postal Code,Birthday,Memo,Square Customer ID,"
    "Creation Source,First Visit,Last Visit,Transaction Count,Lifetime Spend,"
    "Email Subscription Status,Instant Profile,Blocked from online booking"
)


def mapped(line: str, sample: list[list[str]] | None = None) -> dict[str, str]:
    return {field: header for header, field in guess(line.split(","), sample or []).mapping.items()}


def test_shopify() -> None:
    found = guess(SHOPIFY.split(","), [])
    assert found.upsert_by == "externalId"
    assert mapped(SHOPIFY) == {
        "externalId": "Customer ID",
        "firstName": "First Name",
        "lastName": "Last Name",
        "email": "Email",
        "companyName": "Default Address Company",
        "address.street": "Default Address Address1",
        "address.building": "Default Address Address2",
        "address.city": "Default Address City",
        "address.area": "Default Address Province Code",
        "address.country": "Default Address Country Code",
        "address.postalCode": "Default Address Zip",
        "phone": "Phone",
        "notes": "Note",
    }
    for column in ("Accepts Email Marketing", "Accepts SMS Marketing"):
        assert found.left_out[column].startswith("consents cannot be imported yet")
    assert found.left_out["Tags"].startswith("tags cannot be imported yet")
    assert set(SHOPIFY.split(",")) == found.mapping.keys() | found.left_out.keys()


def test_a_country_in_words_is_left_for_its_code() -> None:
    sample = [dict(zip(SHOPIFY_OF_OLD.split(","), [""] * 19, strict=True))]
    row = list((sample[0] | {"Country": "Oman", "Country Code": "OM"}).values())
    found = mapped(SHOPIFY_OF_OLD, [row])
    assert found["address.country"] == "Country Code"
    assert found["address.area"] == "Province"
    assert found["companyName"] == "Company"


def test_square() -> None:
    found = mapped(SQUARE)
    assert found["externalId"] == "Square Customer ID"
    assert found["displayName"] == "Nickname"
    assert found["phone"] == "Phone Number"
    assert (found["address.street"], found["address.building"]) == (
        "Street Address 1",
        "Street Address 2",
    )
    assert (found["dateOfBirth"], found["notes"]) == ("Birthday", "Memo")
    left_out = guess(SQUARE.split(","), []).left_out
    assert left_out["Reference ID"].startswith("another column fits")
    assert left_out["Email Subscription Status"].startswith("consents cannot")


def test_arabic_headers() -> None:
    line = "الاسم الكامل,رقم الجوال,البريد الإلكتروني,المدينة,تاريخ الميلاد,ملاحظات,لون السيارة"
    assert mapped(line) == {
        "name": "الاسم الكامل",
        "phone": "رقم الجوال",
        "email": "البريد الإلكتروني",
        "address.city": "المدينة",
        "dateOfBirth": "تاريخ الميلاد",
        "notes": "ملاحظات",
    }
    assert guess(line.split(","), []).left_out["لون السيارة"].startswith("no field has such a name")


@pytest.mark.parametrize("header", ["E-MAIL", " e mail ", "Email address", "البريد الالكتروني"])
def test_spelling_does_not_matter(header: str) -> None:
    assert guess([header], []).mapping == {header: "email"}


HEADERS = ["A", "B", "C"]


@pytest.mark.parametrize(
    ("mapping", "upsert_by", "wrong"),
    [
        ({"D": "name", "A": "phone"}, "phone", "mapping.D"),
        ({"A": "favouriteColour", "B": "phone"}, "phone", "mapping.A"),
        ({"A": "phone", "B": "phone"}, "phone", "mapping.B"),
        ({"A": "consent.email", "B": "phone"}, "phone", "mapping.A"),
        ({"A": "name"}, "phone", "upsertBy"),
        ({"A": None}, "phone", "mapping"),
        ({"A": "annualRevenueAmount", "B": "phone"}, "phone", "mapping"),
    ],
)
def test_a_mapping_that_cannot_be(
    mapping: dict[str, str | None], upsert_by: str, wrong: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_mapping(HEADERS, mapping, upsert_by, {})  # type: ignore[arg-type]
    assert wrong in {error.field for error in refusal.value.fields}
