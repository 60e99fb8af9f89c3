"""What a person sees: the chat in the browser.

Chainlit takes a few types from a package that brings a tracing kit with it, and through it pandas
and pyarrow: seconds at every start and a third of the memory, for a cloud that tenk never speaks
to. An empty module stands in its place in this process, before anything imports Chainlit.
"""

import sys
from types import ModuleType


def _leave_out_tracing() -> None:
    if "traceloop.sdk" in sys.modules:
        return
    parent, kit = ModuleType("traceloop"), ModuleType("traceloop.sdk")
    parent.__path__ = []
    parent.__dict__["sdk"] = kit
    kit.__dict__["Traceloop"] = type("Traceloop", (), {})
    sys.modules.update({"traceloop": parent, "traceloop.sdk": kit})


_leave_out_tracing()
