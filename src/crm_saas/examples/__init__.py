"""What the API reference shows; tests hold it against the routes."""

from crm_saas.examples import answers
from crm_saas.examples.answers import STREAMS
from crm_saas.examples.bodies import BODIES
from crm_saas.examples.lists import LIST_ANSWERS

ANSWERS = answers.ANSWERS | LIST_ANSWERS

__all__ = ["ANSWERS", "BODIES", "STREAMS"]
