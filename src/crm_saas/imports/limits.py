"""How much a file may hold. docs/limits.md shows these."""

ROWS_MAX = 2_000_000
COLUMNS_MAX = 200
HEADER_LENGTH_MAX = 200
CELL_LENGTH_MAX = 20_000
# One record, with all of its lines: whoever forgets a quote sends the rest of the file as one cell.
RECORD_LENGTH_MAX = 1024 * 1024
SAMPLE_ROWS = 5
SAMPLE_CELL_LENGTH = 80

# A spreadsheet is a ZIP: what it says that it holds, and how much of it a byte may become.
PARTS_MAX = 2_000
INFLATED_BYTES_MAX = 2 * 1024**3
# Sheets of real customers reach 5 to 15, one of nothing but equal rows some 60.
INFLATION_MAX = 150
# Below this the ratio says nothing.
INFLATION_CHECKED_FROM_BYTES = 16 * 1024 * 1024
