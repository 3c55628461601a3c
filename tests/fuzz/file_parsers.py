"""The parsers of what stands in the cells of a file that is imported."""

from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from crm_saas.custom.values import read_value
from crm_saas.imports.cells import read_cell, read_custom, read_date
from crm_saas.imports.cells import read_value as read_cell_value
from crm_saas.imports.xml_parts import read_escapes
from fuzz.parsers import Parser


def _custom_cell(text: str) -> dict[str, Any]:
    """The same in a file."""
    read = {}
    for kind in ("text", "number", "date", "boolean", "choice"):
        field: Any = SimpleNamespace(kind=kind, options=["gold"] if kind == "choice" else [])
        with suppress(ValueError):
            read[kind] = read_custom(field, text, "dayFirst")
            if read[kind] is not None:
                assert read_value(field, read[kind]) == read[kind]
    return read


FILE_PARSERS: dict[str, Parser] = {
    "imports.cells.read_cell": Parser(
        lambda text: [read_cell(text, field) for field in ("name", "phone")],
        ["Amal", "'=1", "''=1", "'1", " "],
        (ValueError,),
        lambda _, texts: all("\x00" not in text for text in texts),
    ),
    "imports.cells.read_value": Parser(
        lambda text: [
            read_cell_value(field, text, "dayFirst") for field in ("name", "notes", "phone")
        ],
        ["Amal", "'+96890123456"],
    ),
    "imports.cells.read_preferences": Parser(
        lambda text: read_cell_value("preferences", text, "dayFirst"),
        ['{"scent": "oud"}', "[[1]]"],
        (ValueError,),
    ),
    "imports.cells.read_date": Parser(
        lambda text: read_date(text, "dayFirst"),
        ["3/2/1990", "1990-03-02T00:00", "٣.٢.١٩٩٠"],
        (ValueError,),
        lambda _, read: read_date(read, "monthFirst") == read or "/" not in read,
    ),
    "imports.cells.read_custom": Parser(
        _custom_cell,
        ["gold", "42,5", "29/2/2024", "TRUE"],
        (),
        lambda _, read: "number" not in read or abs(read["number"]) <= 2**53,
    ),
    "imports.xml_parts.read_escapes": Parser(
        read_escapes, ["a_x000D_b", "_x005F_x000D_"], (), lambda text, read: len(read) <= len(text)
    ),
}
