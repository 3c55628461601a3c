from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_saas.customers.similarity import NameCounts, Profile, score_pair


def test_one_person_spelled_twice_scores_above_two_people() -> None:
    salim = Profile(name="Salim Al Balushi", phone="+96890123456")
    again = Profile(name="Saleem Al-Balushi", phone="+96890123456")
    cousin = Profile(name="Khalid Al Balushi", phone="+96890999999")
    assert score_pair(salim, again).score > 0.9
    assert score_pair(salim, cousin).score < 0.3


@pytest.mark.parametrize(
    ("latin", "right", "other"),
    [
        ("Hussain Al Harthy", "حسين الحارثي", "Hassan Al Harthy"),
        ("Mahmood Al Balushi", "محمود البلوشي", "Mohammed Al Balushi"),
        ("Salim Al Kindi", "سالم الكندي", "Salma Al Kindi"),
    ],
)
def test_across_scripts_the_written_vowels_count(latin: str, right: str, other: str) -> None:
    arabic, equal = Profile(name=right), score_pair(Profile(name=latin), Profile(name=latin))
    alike = score_pair(Profile(name=latin), arabic)
    doubtful = score_pair(Profile(name=other), arabic)
    assert equal.score > alike.score > 0.6
    assert doubtful.score < 0.4
    assert [ground.kind for ground in doubtful.evidence] == ["transliteration"]


def test_evidence_names_its_grounds() -> None:
    born = date(1990, 3, 4)
    a = Profile(
        name="Salim Al Harthy", email="Salim.H@example.om", birth_date=born, company="Al Noor LLC"
    )
    b = Profile(
        name2="سالم الحارثي", email="salim.h@example.om", birth_date=born, company="AL NOOR llc"
    )
    kinds = [ground.kind for ground in score_pair(a, b).evidence]
    assert kinds == ["email", "transliteration", "birth_date", "company"]


@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [
        (Profile(phone="+96890123456"), Profile(phone="+97190123456"), "phone_ending"),
        (Profile(email="salim.h@a.om"), Profile(email="salim.h+x@b.om"), "email_name"),
        (Profile(name="Balushi Salim"), Profile(name="Salim Balushi"), "name"),
        (Profile(name="أحمد الكندي"), Profile(name2="احمد الكندى"), "name"),
        (Profile(birth_date=date(1990, 3, 4)), Profile(birth_date=date(1990, 4, 3)), "birth_date"),
    ],
)
def test_each_ground_is_found(a: Profile, b: Profile, kind: str) -> None:
    assert [ground.kind for ground in score_pair(a, b).evidence] == [kind]


def test_a_shared_mailbox_and_nothing_at_all_are_no_grounds() -> None:
    shared = score_pair(Profile(email="info@a.om"), Profile(email="info@b.om"))
    assert (shared.score < 0.001, shared.evidence) == (True, [])
    assert score_pair(Profile(), Profile(name="Salim")).score < 0.001


def test_another_date_of_birth_speaks_against() -> None:
    father = Profile(name="Salim Al Balushi", birth_date=date(1960, 1, 2))
    namesake = Profile(name="Salim Al Balushi", birth_date=date(1999, 1, 2))
    same = Profile(name="Salim Al Balushi")
    assert score_pair(father, namesake).score < score_pair(father, same).score


def test_beside_one_name_a_mailbox_tells_as_much_as_its_digits() -> None:
    """Namesakes build their mailboxes alike, and have the year of their birth in it."""
    scores = [
        score_pair(
            Profile(name="Nasser Al Kindi", email=f"{mailbox}@a.om"),
            Profile(name="Nasser Al Kindi", email=f"{mailbox}@b.om"),
            NameCounts(1_000_000, {"nsr": 20_000, "knd": 20_000}, 1),
        ).score
        for mailbox in ("nasser.kindi", "nasser.kindi7", "nasser.kindi1985", "nasser.kindi40217")
    ]
    assert scores == sorted(scores)
    plain, _, year, number = scores
    assert plain < 0.1 and year < 0.5 < 0.9 < number


def test_other_e_mails_speak_against() -> None:
    one = Profile(name="Salim Al Balushi", email="salim.balushi@example.om")
    other = Profile(name="Salim Al Balushi", email="whale77@example.com")
    assert score_pair(one, other).score < score_pair(one, Profile(name="Salim Al Balushi")).score


def test_what_a_family_shares_tells_once() -> None:
    """A son named as his father, with the next number and in one house, is not more likely one
    person for the house."""
    counts = NameCounts(100_000, {"slm": 2000, "blC": 3000}, 1)
    house = frozenset(["12 way 3456 seeb"])
    father, son = (Profile(name="Salim Al Balushi", phone=f"+9689012345{n}") for n in (6, 7))
    at_home = [replace(one, places=house) for one in (father, son)]
    assert 0.5 < score_pair(father, son, counts).score < 0.7
    assert score_pair(*at_home, counts).score < 0.5
    born = [
        replace(one, birth_date=day)
        for one, day in zip(at_home, (date(1960, 1, 2), date(1988, 5, 6)), strict=True)
    ]
    assert score_pair(*born, counts).score < 0.01
    born_alike = [replace(one, birth_date=date(1988, 5, 6)) for one in at_home]
    assert score_pair(*born_alike, counts).score > 0.99


def test_a_name_in_the_other_script_is_so_for_all_its_words() -> None:
    """More words that agree across scripts tell more, as they do in one script."""
    counts = NameCounts(1_000_000, {"Xld": 20_000, "mmr": 20_000, "sd": 300_000}, 1)
    born = date(1990, 3, 4)
    latin = Profile(name="Khalid Said Al Maamari", birth_date=born)
    arabic = Profile(name="خالد سعيد المعمري", birth_date=born)
    short = Profile(name="خالد المعمري", birth_date=born)
    assert score_pair(latin, arabic, counts).score > score_pair(latin, short, counts).score


_profiles = st.builds(
    Profile,
    name=st.none() | st.text(max_size=40),
    name2=st.none() | st.text(alphabet="محمدسالعيةأ ", max_size=20),
    phone=st.none() | st.from_regex(r"\+9689[0-9]{7}", fullmatch=True),
    email=st.none() | st.emails(),
    birth_date=st.none() | st.dates(),
    company=st.none() | st.text(max_size=20),
)


@given(_profiles, _profiles)
def test_scores_are_symmetric_and_bounded(a: Profile, b: Profile) -> None:
    suggestion = score_pair(a, b)
    assert 0 <= suggestion.score <= 1
    assert suggestion.score == score_pair(b, a).score


def test_a_word_mistyped_is_as_rare_as_it_is_spelled() -> None:
    """Of the same consonants as a common one: nobody but who mistyped it is called that."""
    born = date(1986, 4, 22)
    musa = Profile(name="Musa Al Balushi", birth_date=born)
    nusa = Profile(name="Nusa Al Balushi", birth_date=born)
    heard = {"ms": 5000, "ns": 5000, "blC": 40_000}
    spelled = {"musa": 5000, "balushi": 40_000}
    rare = NameCounts(1_000_000, heard, 1, spelled, 1)
    common = NameCounts(1_000_000, heard, 1, spelled | {"nusa": 5000}, 1)
    assert score_pair(musa, nusa, rare).score > 0.5 > score_pair(musa, nusa, common).score
    # It tells no more than the word that was meant: whoever mistypes it bears that one.
    assert score_pair(musa, nusa, rare).score == pytest.approx(
        score_pair(musa, musa, rare).score, abs=0.1
    )
