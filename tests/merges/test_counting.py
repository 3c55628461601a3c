"""How common the words of names are in a tenant."""

from crm_saas.merges.names import bare_words


def test_words_are_counted_as_they_are_compared() -> None:
    """Without the article, which Arabic writes in one with the name."""
    written = {"البلوشي": 40, "بلوشي": 2, "al-balushi": 3, "balushi": 5, "al": 9, "abdulrahman": 4}
    assert bare_words(written) == {"بلوشي": 42, "balushi": 8, "abdrahman": 4}
