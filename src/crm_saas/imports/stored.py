"""Where the files of an import lie: worked out, so that no row can name another tenant's."""

from uuid import UUID

from crm_saas.kit.files import file_name

UPLOADS = "imports"
RESULTS = "import_results"


def upload_name(tenant_id: UUID, import_id: UUID) -> str:
    return file_name(tenant_id, UPLOADS, import_id)


def result_name(tenant_id: UUID, import_id: UUID) -> str:
    return file_name(tenant_id, RESULTS, import_id)
