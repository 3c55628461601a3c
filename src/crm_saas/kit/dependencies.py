"""What Litestar hands to a route; app.py provides it."""

from typing import TypeAlias

from litestar.di import NamedDependency

from crm_saas.kit.context import Context
from crm_saas.kit.db import Database

RequestContext: TypeAlias = NamedDependency[Context]
AppDatabase: TypeAlias = NamedDependency[Database]
