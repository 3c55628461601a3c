"""Which of a tenant's customers a sweep compares: those that have a key in common (SPEC 5.1).

Each kind of key is one grouping in SQL over the customers, a slice of its keys at a time, so that
neither the database nor the worker ever holds all of them. Whoever is one person twice agrees in
some key even after an error or two: the half of the phone that was typed right, with a word of
the name that was.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from math import prod
from uuid import UUID

from rapidfuzz.distance import OSA
from sqlalchemy import TextClause, text

from crm_saas.customers.contacts import SHARED_MAILBOXES, phones_nearly_agree
from crm_saas.customers.similarity import NameCounts
from crm_saas.merges.profiles import LIVING

# Slices are such that a step of a sweep takes some seconds, and its keys some ten megabytes.
CUSTOMERS_A_SLICE = 500_000
HOLDERS_MAX = 60
# Where two hints already say whether a pair is worth a look.
_CHECKED_MAX = 1000
# How much less than enough a name may tell by itself to be looked at.
_LITTLE_ELSE = 0.1

_WORDS = """
cross join lateral (
    select distinct word
    from unnest(string_to_array(concat_ws(' ', c.name_skeleton, c.name2_skeleton), ' ')) as word
) as w
"""
# And the letters that first and last name begin with, and those that they end with: whoever
# mistyped both names spared either, mostly.
_WORDS_AND_LETTERS = """
cross join lateral (
    select split_part(skeleton, ' ', 1) as first, split_part(skeleton, ' ', 2) as last
    from (select coalesce(c.name_skeleton, c.name2_skeleton) as skeleton) as named
) as n
cross join lateral (
    select distinct word
    from unnest(
        string_to_array(concat_ws(' ', c.name_skeleton, c.name2_skeleton), ' ')
        || array[
            least(left(n.first, 1), left(n.last, 1))
            || greatest(left(n.first, 1), left(n.last, 1)) || '-',
            '-' || least(right(n.first, 1), right(n.last, 1))
            || greatest(right(n.first, 1), right(n.last, 1))
        ]
    ) as word
    where word is not null
) as w
"""
_PAIRS_OF_WORDS = """
cross join lateral (
    select distinct
        skeleton,
        case when first < last then first || ' ' || last else last || ' ' || first end as ends
    from unnest(array[c.name_skeleton, c.name2_skeleton]) as skeleton
    cross join lateral (
        select split_part(skeleton, ' ', 1) as first, split_part(skeleton, ' ', 2) as last
    ) as words
    where skeleton is not null
) as w
"""
_GROUPED = """
select array_agg(k.id), array_agg(k.hint)
from (
    select c.id, {key} as key, {hint} as hint
    from org_customers_mst c
    {words}
    where c.tenant_org_id = :tenant
        and c.status in {living}
        and {condition}
) as k
where abs(mod(hashtextextended(k.key, 0), cast(:slices as bigint))) = :slice
group by k.key
having count(*) > 1
"""
_MAILBOX = "split_part(split_part(c.email_norm, '@', 1), '+', 1)"

_NAMED = "|| '|' || concat_ws('|', c.name_skeleton, c.name2_skeleton)"

Check = Callable[[str, str], bool]


@dataclass(frozen=True)
class Kind:
    """`most`: a block of more is compared no further. Whether a pair is worth scoring is decided
    from two hints alone: by `check`, and by the names behind it where the kind is `named`."""

    name: str
    key: str
    condition: str = "true"
    hint: str = "''"
    words: str = ""
    most: int = HOLDERS_MAX
    check: Check | None = None
    named: bool = False

    def query(self) -> TextClause:
        return text(
            _GROUPED.format(
                key=self.key,
                hint=self.hint + _NAMED if self.named else self.hint,
                condition=self.condition,
                words=self.words,
                living=LIVING,
            )
        )


def _mailboxes_nearly_agree(a: str, b: str) -> bool:
    return OSA.distance(a, b, score_cutoff=1) <= 1


def names_nearly_agree(a: Sequence[str], b: Sequence[str]) -> bool:
    """Of what two customers' names sound like: whether any two have their words in common, but for
    errors. A word alone is common to thousands."""
    return any(_sound_nearly_alike(one, other) for one in a for other in b)


@lru_cache(maxsize=50_000)
def _sound_nearly_alike(a: str, b: str) -> bool:
    shorter, longer = sorted((a.split(" "), b.split(" ")), key=len)
    for word in shorter:
        if not any(_may_be_one_word(word, other) for other in longer):
            return OSA.distance(a.replace(" ", ""), b.replace(" ", ""), score_cutoff=2) <= 2
    return True


def _may_be_one_word(a: str, b: str) -> bool:
    return a == b or OSA.distance(a, b, score_cutoff=2) <= (1 if min(len(a), len(b)) < 4 else 2)


def _of_phones(name: str, key: str, words: str = _WORDS_AND_LETTERS) -> Kind:
    return Kind(
        name=name,
        key=f"{key} || ' ' || w.word",
        condition="c.phone_rev is not null",
        hint="c.phone",
        words=words,
        most=_CHECKED_MAX,
        check=phones_nearly_agree,
        named=True,
    )


def _of_mailboxes(name: str, key: str) -> Kind:
    """At one provider: a letter and the provider are two errors."""
    return Kind(
        name=name,
        key=f"{key} || ' ' || split_part(c.email_norm, '@', 2) || ' ' || w.word",
        condition=f"length({_MAILBOX}) > 4",
        hint="c.email_norm",
        words=_WORDS,
        most=_CHECKED_MAX,
        check=_mailboxes_nearly_agree,
        named=True,
    )


_SHARED = ", ".join(f"'{name}'" for name in sorted(SHARED_MAILBOXES))
_MONTH, _DAY = (f"extract({part} from c.date_of_birth)" for part in ("month", "day"))
NAMES = Kind(name="name", key="w.ends", hint="w.skeleton", words=_PAIRS_OF_WORDS)
KINDS = (
    Kind(name="phoneEnding", key="left(c.phone_rev, 7)", condition="c.phone_rev is not null"),
    Kind(
        name="mailbox",
        key=_MAILBOX,
        condition=f"length({_MAILBOX}) > 4 and {_MAILBOX} not in ({_SHARED})",
    ),
    # A digit typed wrong spares one half of the number, two swapped in its middle spare the rest.
    _of_phones("phoneTail", "left(c.phone_rev, 4)"),
    _of_phones("phoneHead", "substr(c.phone_rev, 5, 4)"),
    _of_phones("phoneEnds", "left(c.phone_rev, 3) || substr(c.phone_rev, 6)", words=_WORDS),
    Kind(
        name="birthDate",
        key="concat_ws(' ', extract(year from c.date_of_birth),"
        f" least({_MONTH}, {_DAY}), greatest({_MONTH}, {_DAY}), w.word)",
        condition="c.date_of_birth is not null",
        words=_WORDS_AND_LETTERS,
        named=True,
    ),
    _of_mailboxes("mailboxHead", f"left({_MAILBOX}, 6)"),
    _of_mailboxes("mailboxTail", f"right({_MAILBOX}, 4)"),
    NAMES,
)


@dataclass
class LeftOut:
    """Blocks that were too large, and how many customers were in them."""

    blocks: int = 0
    customers: int = 0


@dataclass
class Pairing:
    """Makes pairs of blocks; counts what it leaves out."""

    kind: Kind
    counts: NameCounts
    left_out: LeftOut = field(default_factory=LeftOut)

    def pairs(self, ids: Sequence[UUID], hints: Sequence[str]) -> Iterator[tuple[UUID, UUID]]:
        holders = dict(zip(ids, hints, strict=True))
        if len(holders) < 2:
            return
        for group in self._groups(holders):
            if len(group) > self.kind.most:
                self.left_out.blocks += 1
                self.left_out.customers += len(group)
                continue
            yield from self._checked(sorted(group), holders)

    def _checked(
        self, group: Sequence[UUID], holders: Mapping[UUID, str]
    ) -> Iterator[tuple[UUID, UUID]]:
        check, named = self.kind.check, self.kind.named
        hints = {one: holders[one].split("|") for one in group}
        for one, other in combinations(group, 2):
            (value, *names), (other_value, *other_names) = hints[one], hints[other]
            if check is not None and not check(value, other_value):
                continue
            if not named or names_nearly_agree(names, other_names):
                yield one, other

    def _groups(self, holders: dict[UUID, str]) -> list[list[UUID]]:
        """A block; of a name, what it falls into where the first and last word are common ones."""
        if self.kind is not NAMES:
            return [list(holders)]
        first, last, *_ = next(iter(holders.values())).split(" ")
        if self._tells([first, last]):
            return [list(holders)]
        whole: dict[str, list[UUID]] = {}
        for customer, skeleton in holders.items():
            whole.setdefault(skeleton, []).append(customer)
        return [group for name, group in whole.items() if self._tells(name.split(" "))]

    def _tells(self, words: Sequence[str]) -> bool:
        """Whether a name of these words could be suggested for the name's sake, and little else:
        who has the phone or the birth date in common is found by that."""
        rarity = prod(self.counts.share(word) for word in words)
        return self.counts.chance > rarity * _LITTLE_ELSE


async def pairs_of(
    pairing: Pairing, ids: Sequence[UUID], hints: Sequence[str]
) -> Iterable[tuple[UUID, UUID]]:
    """A large block beside the event loop: to check each with each takes up to half a second."""
    if len(ids) <= HOLDERS_MAX:
        return pairing.pairs(ids, hints)
    return await asyncio.to_thread(lambda: list(pairing.pairs(ids, hints)))
