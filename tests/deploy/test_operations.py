import re
from pathlib import Path

from deploy.environment import known_variables

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def test_table_names_every_variable() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) - {"PORT"} == known_variables()
