"""What the API reference shows; tests hold it against the routes."""

from crm_saas.examples import answers, bodies
from crm_saas.examples.answers import STREAMS
from crm_saas.examples.imports import IMPORT_ANSWERS, IMPORT_BODIES
from crm_saas.examples.lists import LIST_ANSWERS
from crm_saas.examples.merges import MERGE_ANSWERS

ANSWERS = answers.ANSWERS | LIST_ANSWERS | IMPORT_ANSWERS | MERGE_ANSWERS
BODIES = bodies.BODIES | IMPORT_BODIES

__all__ = ["ANSWERS", "BODIES", "STREAMS"]
