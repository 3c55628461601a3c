from crm_saas.kit.errors import Conflict


class BulkOver(Conflict):
    type, title = "bulk-over", "The bulk work has ended"
