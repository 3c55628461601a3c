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
