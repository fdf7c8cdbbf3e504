"""A function as a tool: strict about its arguments, and every failure in the shape of an answer."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import ValidationError

from checks.sources.facts.look import one_look
from mcp_server.access.caller import called_by
from mcp_server.answers.answer import only_next, refusal
from mcp_server.time_limit import CALL_SECONDS_MAX, CallTimeoutError, within
from mcp_server.writing import Writing, acting
from monitor.config.models import ConfigError, explain
from monitor.store.database import StoreError
from monitor.text.catalog import Catalog

log = logging.getLogger(__name__)
access = logging.getLogger("paypulse.access")

READ = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)


class StrictTool(Tool):
    """A tool that refuses unknown arguments and says what would be right."""

    async def run(
        self, arguments: dict[str, Any], context: Any, convert_result: bool = False
    ) -> Any:
        """The tool's answer, or an error in the shape of an answer."""
        began = monotonic()
        answer = await self._answer(arguments, context, convert_result)
        if isinstance(context, Context):  # a resource is read without one: nobody is known
            self._note(context, answer, 1000 * (monotonic() - began))
        return answer

    def _note(self, context: Context[Any], answer: Any, took_ms: float) -> None:
        failed = isinstance(answer, CallToolResult) and answer.is_error
        outcome = "refused" if failed else "answered"
        access.info("%s %s %s %.0f ms", called_by(context), self.name, outcome, took_ms)

    async def _answer(self, arguments: dict[str, Any], context: Any, convert_result: bool) -> Any:
        try:
            self.fn_metadata.validate_arguments(arguments)
        except ValidationError as error:
            return refusal(explain(error, self.name, self.fn_metadata.arg_model))
        try:
            answer = await self._bounded(super().run(arguments, context, convert_result))
        except CallTimeoutError:
            return refusal(_too_long(self.name))
        except UnexpectedToolError as error:
            return refusal(_failure(self.name, error.__cause__))
        except ToolError as error:
            return refusal(str(error.__cause__ or error))
        if isinstance(answer, CallToolResult):
            return only_next(answer, context.request_context.lifespan_context.tools)
        return answer

    async def _bounded(self, call: Coroutine[Any, Any, Any]) -> Any:
        """What changes something may wait for a person; what reads has its time."""
        is_reading = self.annotations is not None and self.annotations.read_only_hint
        if not is_reading:
            return await call
        with one_look():
            return await within(CALL_SECONDS_MAX, call)


def _too_long(name: str) -> str:
    return (
        f"{name} took more than {CALL_SECONDS_MAX:g} s and was given up: what it asked about is "
        "unknown; ask for less, or see paypulse doctor"
    )


def _failure(name: str, cause: BaseException | None) -> str:
    if isinstance(cause, StoreError):
        return f"{name}: the monitor's own database cannot be used ({cause}); see paypulse doctor"
    if isinstance(cause, ConfigError):
        return f"{name}: the monitor's configuration cannot be used: {cause}"
    log.error("tool %s failed", name, exc_info=cause)
    return f"{name} failed inside the monitor, which says nothing about the platform; see its log"


def strict(fn: Callable[..., Any], writing: Writing | None, catalog: Catalog) -> StrictTool:
    """A function as a tool: its docstring describes it, its arguments are all it takes."""
    tool = StrictTool.from_function(
        fn if writing is None else acting(fn, writing, catalog),
        title=fn.__name__.replace("_", " ").capitalize(),
        description=" ".join(inspect.cleandoc(fn.__doc__ or "").split()),
        annotations=READ if writing is None else _writes(writing),
    )
    model = tool.fn_metadata.arg_model
    model.model_config["extra"] = "forbid"
    model.model_rebuild(force=True)
    tool.parameters = _without_titles(model.model_json_schema(by_alias=True))
    assert isinstance(tool, StrictTool)  # noqa: S101  (from_function makes one of its class)
    return tool


def _writes(writing: Writing) -> ToolAnnotations:
    return ToolAnnotations(
        read_only_hint=False,
        destructive_hint=writing.destructive,
        idempotent_hint=False,
        open_world_hint=False,
    )


def _without_titles(schema: Any) -> Any:
    """A schema without the titles that pydantic makes of names: they only cost tokens."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {k: v for k, v in schema.items() if not (k == "title" and isinstance(v, str))}
    return {key: _without_titles(value) for key, value in kept.items()}
