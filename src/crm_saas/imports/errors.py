from crm_saas.kit.errors import Conflict, NotFound, Problem


class ImportNotFound(NotFound):
    type, title = "import-not-found", "There is no such import"


class UnreadableFile(Problem):
    """What the detail says is true of the whole file; a row that is wrong refuses itself alone."""

    status, type, title = 422, "unreadable-file", "The file cannot be imported"


class ImportBusy(Conflict):
    type, title = "import-busy", "The import cannot do this now"


class TooManyImports(Conflict):
    type, title = "too-many-imports", "The files of former imports leave no room for another"


class ImportExpired(Problem):
    status, type, title = 410, "import-expired", "The file of this import is gone"
