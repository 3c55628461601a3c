"""How common the words of a tenant's names are, counted now and then."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from crm_saas.customers.similarity import NameCounts
from crm_saas.customers.skeletons import name_words
from crm_saas.kit.context import Context
from crm_saas.kit.ids import new_id
from crm_saas.merges.models import CountedNames
from crm_saas.merges.profiles import LIVING

WORDS_MAX = 20_000
_KEPT = timedelta(days=7)
_GROWTH = 1.2
# Counting a tenant of so many takes milliseconds.
_SMALL = 2000

_COUNT = text(f"""
select count(*)
from org_customers_mst c
where c.tenant_org_id = :tenant and c.status in {LIVING}
""")  # noqa: S608 - a constant
_COUNT_WORDS = """
select w.word, count(*)
from org_customers_mst c
cross join lateral (
    select distinct word
    from unnest(string_to_array(concat_ws(' ', c.{name}, c.{name2}), ' ')) as word
) as w
where c.tenant_org_id = :tenant and c.status in {living}
group by w.word
having count(*) > 1
order by count(*) desc, w.word
limit :most
"""
_COUNT_HEARD = text(
    _COUNT_WORDS.format(name="name_skeleton", name2="name2_skeleton", living=LIVING)
)
_COUNT_SPELLED = text(_COUNT_WORDS.format(name="name_norm", name2="name2_norm", living=LIVING))
# Words as they are spelled are kept beside those of consonants, under a sign that is in no name.
_SPELLED = "="
_NUMBERS_GIVEN = text("""
select n.last_value
from org_number_counters n
where n.tenant_org_id = :tenant and n.series = 'customer'
""")


async def counted_names(context: Context) -> NameCounts:
    """As they were counted last, or anew where the tenant has grown since."""
    row = await context.session.scalar(
        select(CountedNames).where(CountedNames.tenant_org_id == context.tenant.id)
    )
    given = await numbers_given(context)
    if (
        row is None
        or max(given, row.customers) < _SMALL
        or given > row.numbers_given * _GROWTH
        or row.counted_at < datetime.now(UTC) - _KEPT
    ):
        return await count_names(context)
    return _read(row.customers, row.words)


async def count_names(context: Context) -> NameCounts:
    """Reads every customer's name: seconds for a million."""
    tenant = {"tenant": context.tenant.id}
    given = await numbers_given(context)
    customers = await context.session.scalar(_COUNT, tenant) or 0
    asked = tenant | {"most": WORDS_MAX}
    heard = await context.session.execute(_COUNT_HEARD, asked)
    words = {word: int(count) for word, count in heard}
    written = await context.session.execute(_COUNT_SPELLED, asked)
    spelled = bare_words({word: int(count) for word, count in written})
    words |= {_SPELLED + word: count for word, count in spelled.items()}
    counts = _read(customers, words)
    fresh = insert(CountedNames).values(
        tenant_org_id=context.tenant.id,
        id=new_id(),
        customers=customers,
        numbers_given=given,
        words=words,
        unlisted=counts.unlisted,
        counted_at=datetime.now(UTC),
    )
    columns = ("customers", "numbers_given", "words", "unlisted", "counted_at")
    await context.session.execute(
        fresh.on_conflict_do_update(
            constraint="org_name_counts_tenant_uq", set_={c: fresh.excluded[c] for c in columns}
        )
    )
    return counts


async def numbers_given(context: Context) -> int:
    """How many customers the tenant has had: as good as their number, and read in no time."""
    return await context.session.scalar(_NUMBERS_GIVEN, {"tenant": context.tenant.id}) or 0


def bare_words(written: Mapping[str, int]) -> Counter[str]:
    """As words are compared: البلوشي counts as بلوشي, which has no article."""
    counts: Counter[str] = Counter()
    for word, count in written.items():
        for bare in name_words(word):
            counts[bare] += count
    return counts


def _read(customers: int, words: Mapping[str, int]) -> NameCounts:
    spelled = {word[1:]: n for word, n in words.items() if word.startswith(_SPELLED)}
    heard = {word: n for word, n in words.items() if not word.startswith(_SPELLED)}
    return NameCounts(customers, heard, _unlisted(heard), spelled, _unlisted(spelled))


def _unlisted(words: Mapping[str, int]) -> int:
    return min(words.values()) if len(words) == WORDS_MAX else 1
