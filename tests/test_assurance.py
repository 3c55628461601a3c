"""The page of what was tried is written by the tool alone."""

import re

from assurance import with_section


def test_a_section_replaces_the_last_one_of_its_command() -> None:
    page = ""
    for command, text in (("make b", "one"), ("make a", "two"), ("make b", "three")):
        page = with_section(page, command, f"## `{command}`\n\n{text}\n")

    assert re.findall(r"^(?:## .*|one|two|three)$", page, re.MULTILINE) == [
        "## `make a`",
        "two",
        "## `make b`",
        "three",
    ]
