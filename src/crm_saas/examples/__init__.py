"""What the API reference shows; tests hold it against the routes."""

from crm_saas.examples.answers import ANSWERS, STREAMS
from crm_saas.examples.bodies import BODIES

__all__ = ["ANSWERS", "BODIES", "STREAMS"]
