from crm_saas.kit.errors import Conflict


class BulkOver(Conflict):
    type, title = "bulk-over", "The bulk work has ended"


class TooMuchBulk(Conflict):
    type, title = "too-much-bulk", "Other bulk work is not done yet"
