"""Refusals of exports, and of the files that they leave."""

from crm_saas.kit.errors import Conflict, InvalidInput, NotFound, Problem, TooLarge


class ExportTooLarge(TooLarge):
    type, title = "export-too-large", "Too many rows to wait for"


class TooManyForPaper(InvalidInput):
    type, title = "too-many-for-paper", "Too many rows for a PDF"


class TooManyExports(Conflict):
    type, title = "too-many-exports", "Other exports are not done yet"


class ExportEnded(Conflict):
    type, title = "export-ended", "The export has ended before"


class ExportNotReady(Conflict):
    type, title = "export-not-ready", "There is no file yet"


class ExportNotFound(NotFound):
    type, title = "export-not-found", "There is no such export"

    def __init__(self) -> None:
        super().__init__("There is no export with this id that you may see.")


class ExportExpired(Problem):
    status, type, title = 410, "export-expired", "The file was kept for its time and is gone"


class LinkExpired(Problem):
    status, type, title = 410, "link-expired", "The link was good for some minutes"

    def __init__(self) -> None:
        super().__init__("Ask for the export again: its answer has a new link.")


class RangeNotSatisfiable(Problem):
    status, type, title = 416, "range-not-satisfiable", "The file has no such bytes"
