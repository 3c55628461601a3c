"""How much a file may hold. docs/limits.md shows these."""

ROWS_MAX = 2_000_000
COLUMNS_MAX = 200
HEADER_LENGTH_MAX = 200
CELL_LENGTH_MAX = 20_000
# One record, with all of its lines: whoever forgets a quote sends the rest of the file as one cell.
# One row of a sheet as well.
RECORD_LENGTH_MAX = 1024 * 1024
# Rows without any text, in a file to be read; whoever looks at its beginning gives up earlier.
BLANK_ROWS_MAX = 2_000_000
BLANK_ROWS_LOOKED_AT = 10_000
SAMPLE_ROWS = 5
SAMPLE_CELL_LENGTH = 80

# A spreadsheet is a ZIP: what it says that it holds, and how much of it a byte may become.
PARTS_MAX = 2_000
# Of the list of its parts: some 100 each, and it is read whole.
DIRECTORY_BYTES_MAX = 1024 * 1024
INFLATED_BYTES_MAX = 2 * 1024**3
# Sheets of real customers reach 5 to 15, one of nothing but equal rows some 60.
INFLATION_MAX = 150
# Below this the ratio says nothing.
INFLATION_CHECKED_FROM_BYTES = 16 * 1024 * 1024

# Of the file format, or more than office programs write.
SHEET_ROWS_MAX = 1_048_576
SHEETS_MAX = 1_000
RELATIONS_MAX = 10_000
FORMATS_MAX = 65_536
DEPTH_MAX = 50
STRINGS_MAX = 16_000_000
STRINGS_BYTES_MAX = 1024**3
# What all cells say. A text that many of them share is small in the file and large in the result:
# small files get the second, larger ones so many characters for each byte that they unpack to.
TEXT_LENGTH_MAX = 500_000_000
TEXT_ALWAYS_ALLOWED = 32 * 1024 * 1024
TEXT_GROWTH_MAX = 10

# Kept of one tenant at once: until they expire (retention.py).
KEPT_FILES_MAX = 500
KEPT_BYTES_MAX = 4 * 1024**3

# Of the process that reads a spreadsheet (apart.py).
READER_MEMORY_BYTES_MAX = 384 * 1024 * 1024
READER_DISK_BYTES_MAX = STRINGS_BYTES_MAX
LOOK_CPU_SECONDS_MAX = 30
READING_CPU_SECONDS_MAX = 1_800
# By the clock, where others want the processor too.
READING_SECONDS_MAX = 3_000
