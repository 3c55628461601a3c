"""What a column of a file can become, and by which names it is known.

The names are what people write over such columns in English and Arabic, the columns of our own
export, and those of the customer exports of Shopify and Square.
"""

from collections.abc import Iterable
from functools import lru_cache

from crm_saas.addresses.schemas import CreateAddress
from crm_saas.custom.models import CustomField
from crm_saas.customers.folding import fold_text
from crm_saas.customers.schemas import CustomerFields

ADDRESS = "address."
CUSTOM = "custom."
NUMBER = "customerNumber"
PROFILE = "profileStatus"
REVENUE = {"annualRevenueAmount": "amount", "annualRevenueCurrency": "currency"}


def _encoded(struct: type[CustomerFields] | type[CreateAddress]) -> list[str]:
    return list(struct.__struct_encode_fields__)


# In a file these have a column for each of their parts.
_IN_PARTS = frozenset({"annualRevenue", "customFields"})
CUSTOMER_FIELDS = tuple(name for name in _encoded(CustomerFields) if name not in _IN_PARTS)
ADDRESS_FIELDS = tuple(
    f"{ADDRESS}{name}" for name in _encoded(CreateAddress) if name != "isDefault"
)
FIELDS = (NUMBER, PROFILE, *CUSTOMER_FIELDS, *REVENUE, *ADDRESS_FIELDS)

# Header → field. Folded, without anything but letters and digits (`key_of`).
_NAMES: dict[str, str] = {
    "name": "name, full name, customer, customer name, client name, contact name, الاسم,"
    " الاسم الكامل, اسم العميل, اسم الزبون, name (english),"
    " english name, الاسم بالانجليزي, الاسم بالإنجليزية",
    "name2": "name2, arabic name, name arabic, name (arabic), name in arabic, الاسم بالعربي,"
    " الاسم بالعربية, الاسم العربي",
    "firstName": "first name, given name, forename, الاسم الأول, الاسم الاول",
    "lastName": "last name, surname, family name, الاسم الأخير, اسم العائلة, اللقب, القبيلة",
    "displayName": "display name, nickname, اسم العرض, الاسم المعروض",
    "honorific": "honorific, title, salutation, اللقب المهني, لقب الاحترام",
    "dateOfBirth": "date of birth, birth date, birthday, dob, تاريخ الميلاد, الميلاد",
    "phone": "phone, phone number, mobile, mobile number, mobile phone, cell, cell phone,"
    " telephone, tel, gsm, whatsapp, contact number, الهاتف, رقم الهاتف, الجوال,"
    " رقم الجوال, المحمول,"
    " رقم المحمول, الموبايل, النقال, رقم النقال, هاتف, جوال",
    "email": "email, e-mail, email address, e-mail address, mail, البريد, البريد الإلكتروني,"
    " الايميل, الإيميل, بريد إلكتروني",
    "externalId": "external id, customer id, client id, square customer id, shopify id, legacy id,"
    " reference id, reference, المعرف, الرقم المرجعي, المرجع",
    "customerNumber": "customer number, customer no, account number, رقم العميل, رقم الزبون",
    "profileStatus": "profile status",
    "customerType": "customer type, نوع العميل",
    "companyName": "company, company name, business name, organisation, organization, الشركة,"
    " اسم الشركة, المؤسسة, default address company",
    "companySize": "company size, employees, حجم الشركة",
    "industry": "industry, sector, القطاع, الصناعة",
    "annualRevenueAmount": "annual revenue amount, annual revenue, الإيراد السنوي",
    "annualRevenueCurrency": "annual revenue currency, revenue currency",
    "locale": "locale, language, اللغة",
    "notes": "notes, note, comment, comments, memo, remarks, ملاحظات, الملاحظات, ملاحظة",
    "preferences": "preferences, التفضيلات",
    "avatarUrl": "avatar url, avatar, photo, picture, الصورة",
    "journeyStage": "journey stage, stage, المرحلة",
    "assignedTo": "assigned to, المسؤول",
    "teamId": "team id, الفريق",
    "address.type": "address type, نوع العنوان",
    "address.label": "address label",
    "address.building": "building, building number, house, address2, address line 2,"
    " street address 2, default address address2, المبنى, رقم المبنى",
    "address.floor": "floor, الطابق",
    "address.apartment": "apartment, flat, unit, الشقة, رقم الشقة",
    "address.street": "street, address, address1, address line 1, street address, street address 1,"
    " default address address1, الشارع, العنوان",
    "address.area": "area, district, province, state, region, governorate, province code,"
    " default address province code, المنطقة, الولاية, المحافظة, الحي",
    "address.city": "city, town, default address city, المدينة",
    "address.postalCode": "postal code, postcode, zip, zip code, default address zip,"
    " الرمز البريدي",
    "address.country": "country code, default address country code, country, الدولة, البلد",
    "address.deliveryNotes": "delivery notes, delivery instructions, ملاحظات التوصيل",
    "address.latitude": "latitude, lat, خط العرض",
    "address.longitude": "longitude, lng, lon, خط الطول",
}

_COMPUTED = "it is worked out here and cannot be set"
_CONSENT = (
    "consents cannot be imported yet; nothing of this column is kept. Keep the file until they can"
)
_TAGS = "tags cannot be imported yet; nothing of this column is kept"
_ORDERS = "it is worked out from orders"
# Known, and not importable: with the reason.
_LEFT_OUT: dict[str, str] = {
    "id, status, lifecycle, phone verified, email verified, identity verified, customer since,"
    " expires at, created at, updated at, creation source, first visit, last visit,"
    " instant profile, blocked from online booking": _COMPUTED,
    "accepts email marketing, accepts marketing, accepts sms marketing,"
    " email subscription status, email marketing, sms marketing, marketing consent, consent,"
    " الموافقة على التسويق": _CONSENT,
    "tags, groups, customer groups, الوسوم": _TAGS,
    "total spent, total orders, orders count, transaction count, lifetime spend": _ORDERS,
    "tax exempt, tax exemptions": "there is no such field; it can go into notes",
    "default address phone": "addresses have no phone of their own",
}
CONSENT_PREFIX = "consent."
CONSENT_REASON = _CONSENT
UNKNOWN = "no field has such a name; map it yourself, or leave it out"
TWICE = "another column fits this field better; map it yourself to use this one"


@lru_cache(maxsize=1000)
def key_of(header: str) -> str:
    return "".join(letter for letter in fold_text(header) if letter.isalnum())


_FIELD_OF: dict[str, tuple[str, int]] = {}
for _field in FIELDS:
    _FIELD_OF[key_of(_field)] = (_field, 0)
for _field, _names in _NAMES.items():
    for _rank, _name in enumerate(_names.split(",")):
        _FIELD_OF.setdefault(key_of(_name), (_field, _rank))
_REASONS = {
    key_of(name): reason for names, reason in _LEFT_OUT.items() for name in names.split(",")
}


def field_named(header: str) -> tuple[str, int] | None:
    """The field that a column of this name most likely means, and how good the name is: 0 best."""
    return _FIELD_OF.get(key_of(header))


def reason_to_leave_out(header: str) -> str | None:
    return _REASONS.get(key_of(header))


def custom_names(fields: Iterable[CustomField]) -> dict[str, tuple[str, int]]:
    """The same for the tenant's own fields: by `custom.<key>`, by key, and by both labels."""
    takers = [field for field in fields if not field.archived_at]
    names: dict[str, tuple[str, int]] = {}
    for field in takers:
        # As an export writes it: keys may differ in capitals alone.
        names[f"{CUSTOM}{field.key}"] = f"{CUSTOM}{field.key}", 0
    for rank, part in enumerate(("key", "label", "label2"), start=1):
        for field in takers:
            if name := getattr(field, part):
                names.setdefault(key_of(name), (f"{CUSTOM}{field.key}", rank))
    return names
