"""What a process tells of itself: the spans that it exports, the log that it writes."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from crm_saas.kit.telemetry import tracing
from crm_saas.kit.telemetry.logs import configure_logs


@contextmanager
def exported_spans() -> Iterator[InMemorySpanExporter]:
    """Of servers and workers that start in the block."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    try:
        yield exporter
    finally:
        tracing.stop()


@contextmanager
def production_log_lines(level: int = logging.INFO) -> Iterator[StringIO]:
    """All that this process logs, as production writes it, with every logger at `level`."""
    root, written = logging.getLogger(), StringIO()
    known = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    before = {each: (each.level, each.handlers, each.disabled) for each in [root, *known]}
    stderr, sys.stderr = sys.stderr, written
    try:
        configure_logs(production=True)
        if level < logging.INFO:
            for each in known:
                # The client is the test's own.
                each.setLevel(logging.WARNING if each.name.startswith("http") else level)
            root.setLevel(level)
        yield written
    finally:
        sys.stderr = stderr
        for each, (number, handlers, disabled) in before.items():
            each.setLevel(number)
            each.handlers, each.disabled = handlers, disabled
