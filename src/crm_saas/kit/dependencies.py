"""What Litestar hands to a route; app.py provides it."""

from typing import TypeAlias

from litestar.di import NamedDependency

from crm_saas.kit.ahead import ReadAhead
from crm_saas.kit.context import Context
from crm_saas.kit.db import Database

RequestContext: TypeAlias = NamedDependency[Context]
Ahead: TypeAlias = NamedDependency[ReadAhead]
AppDatabase: TypeAlias = NamedDependency[Database]
