"""Tools that change something: confirmed in the call, once, and written down before and after."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

import anyio
from anyio.to_thread import run_sync
from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit, ElicitationResult, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.utilities.context_injection import find_context_parameter
from mcp.types import CallToolResult
from pydantic import BaseModel, Field, create_model

from mcp_server.access.caller import called_by, may_write
from mcp_server.access.confirm import Act, new_code
from mcp_server.answers.answer import Answer, plain, result
from mcp_server.context import ToolContext
from monitor.domain.audit import APPROVAL_LIFE, Approval, AuditEntry
from monitor.domain.check import Status
from monitor.store.acts.approvals import ask_approval, take_approval
from monitor.store.acts.audit import begin_audit, end_audit
from monitor.store.database import StoreError
from monitor.text.catalog import Catalog

log = logging.getLogger(__name__)

Fn = Callable[..., Any]
F = TypeVar("F", bound=Fn)
_SAID_MAX = 400
_ANSWER = "confirmation"
_USED = "the confirmation was used already, is too old or belongs to something else; call again"
_FULL = "too many acts wait for a person already: `paypulse mcp pending` lists them"


@dataclass(frozen=True, slots=True)
class Writing:
    """How a tool writes.

    `asks(context, **arguments)` is the question that a person confirms: what would happen, in the
    configured language. It must depend on the arguments alone, for it is asked twice. What cannot
    be done at all it refuses with a ToolError.
    """

    asks: Callable[..., str]
    destructive: bool


def writing(*, asks: Callable[..., str], destructive: bool) -> Callable[[F], F]:
    """Mark a tool as one that changes something."""

    def mark(fn: F) -> F:
        fn.writing = Writing(asks, destructive)  # type: ignore[attr-defined]
        return fn

    return mark


def writing_of(fn: Fn) -> Writing | None:
    """How a tool writes; None if it only reads."""
    found = getattr(fn, "writing", None)
    return found if isinstance(found, Writing) else None


def acting(fn: Fn, how: Writing, catalog: Catalog) -> Fn:
    """The tool with the asking around it."""
    confirm = create_model(
        "Confirm", confirm=(bool, Field(title=catalog.say("mcp.write.confirm"), default=False))
    )
    own = list(inspect.signature(fn, eval_str=True).parameters.values())
    name = find_context_parameter(fn)
    if name is None:
        raise TypeError(f"{fn.__name__} writes, and must take the context")

    def ask(**arguments: Any) -> Elicit[Any] | None:
        return _question(_Call(fn, how, arguments.pop(name), arguments), confirm)

    async def act(**arguments: Any) -> CallToolResult:
        answer = arguments.pop(_ANSWER)
        return await _act(_Call(fn, how, arguments.pop(name), arguments, name), answer)

    asked = _shaped(ask, fn, own)
    wanted = Annotated[ElicitationResult[BaseModel], Resolve(asked)]
    answer = inspect.Parameter(_ANSWER, inspect.Parameter.KEYWORD_ONLY, annotation=wanted)
    return _shaped(act, fn, [*own, answer])


def _shaped(made: Fn, like: Fn, parameters: list[inspect.Parameter]) -> Fn:
    """A function that takes anything, shown with the parameters that it really takes."""
    named = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    made.__name__ = made.__qualname__ = like.__name__
    made.__doc__, made.__module__ = like.__doc__, like.__module__
    made.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    made.__annotations__ = {p.name: p.annotation for p in named}
    return made


@dataclass(frozen=True)
class _Call:
    """One call of a writing tool."""

    fn: Fn
    how: Writing
    ctx: Context[ToolContext]
    arguments: Mapping[str, Any]
    context_name: str = ""

    @property
    def context(self) -> ToolContext:
        return self.ctx.request_context.lifespan_context

    @property
    def act(self) -> Act:
        return Act(self.fn.__name__, self.arguments, called_by(self.ctx))

    def entry(self, outcome: str, confirmed_by: str = "", said: str = "") -> AuditEntry:
        """How this call stands in the audit."""
        now = self.context.now
        return AuditEntry(
            at=now,
            tool=self.act.tool,
            caller=self.act.caller,
            arguments=plain(self.arguments),
            confirmed_by=confirmed_by,
            outcome=outcome,
            said=said,
            ended_at=None if outcome == "started" else now,
        )


def _question(call: _Call, confirm: type[BaseModel]) -> Elicit[Any] | None:
    """The question to the person, where the client can ask; None where it cannot."""
    if not may_write(call.ctx):
        refused = "this caller may only read; writing needs the token with the scope write"
        begin_audit(call.context.app.store, call.entry("refused", said=refused))
        raise ToolError(refused)
    question = call.how.asks(call.context, **call.arguments)
    if not _can_ask(call.ctx):
        return None
    if call.ctx.request_state is None:  # the first round: one act may follow from it
        call.context.confirmations.ask(call.act)
    return Elicit(question, confirm)


def _can_ask(ctx: Context[ToolContext]) -> bool:
    able = ctx.client_capabilities
    form = able.elicitation if able else None
    return form is not None and (form.form is not None or form.url is None)


async def _act(call: _Call, answer: Any) -> CallToolResult:
    """Do it, if it is confirmed; what is not is refused, and both are written down."""
    if isinstance(answer, AcceptedElicitation) and answer.data is None:
        return await _approved(call)
    is_right = call.context.confirmations.take(call.act)
    if not isinstance(answer, AcceptedElicitation) or not getattr(answer.data, "confirm", 0):
        await _refuse(call, "declined", "the person did not confirm: nothing was done")
    if not is_right:
        await _refuse(call, "refused", _USED)
    return await _recorded(call, "elicitation")


async def _approved(call: _Call) -> CallToolResult:
    """Do what a person approved on the monitor's machine; let the rest wait for one.

    Nothing in the answer, and nothing else that the caller can send, stands for the approval.
    """
    store, now = call.context.app.store, call.context.now
    by = await run_sync(take_approval, store, call.act.digest, now)
    if by:
        return await _recorded(call, f"approval:{by}")
    return await run_sync(_not_yet, call)


async def _refuse(call: _Call, outcome: str, said: str) -> None:
    await run_sync(begin_audit, call.context.app.store, call.entry(outcome, said=said))
    raise ToolError(said)


def _not_yet(call: _Call) -> CallToolResult:
    """What would happen, and under which code it waits for a person."""
    context, act, now = call.context, call.act, call.context.now
    question = call.how.asks(context, **call.arguments)
    wanted = Approval(
        new_code(),
        act.digest,
        act.tool,
        act.caller,
        question,
        asked_at=now,
        expires_at=now + APPROVAL_LIFE,
        arguments=plain(act.arguments),
    )
    waits = ask_approval(context.app.store, wanted)
    if waits is None:
        begin_audit(context.app.store, call.entry("refused", said=_FULL))
        raise ToolError(_FULL)
    command = f"paypulse mcp approve {waits.code}"
    answer = Answer(
        verdict=Status.UNKNOWN,
        summary=context.say("write.not_yet", question=question, command=command),
        origin="live",
        measured_at=now,
        evidence={
            "done": False,
            "would_text": question,
            "approve_with": command,
            "valid_until": waits.expires_at,
            "how": "a person approves it on the monitor's machine; then repeat the same call",
        },
        next=(act.tool,),
    )
    return result(answer, now)


async def _recorded(call: _Call, by: str) -> CallToolResult:
    """The act itself, written down before it begins and when it has ended."""
    entry = await run_sync(begin_audit, call.context.app.store, call.entry("started", by))
    outcome, said = "failed", "it was cut off"
    try:
        done = await _do(call)
        outcome, said = "failed" if done.is_error else "done", _said(done)
        return done
    except Exception as error:
        said = str(error) if isinstance(error, ToolError) else type(error).__name__
        raise
    finally:
        with anyio.CancelScope(shield=True):
            await run_sync(_end, call, entry, outcome, said[:_SAID_MAX], call.context.now)


async def _do(call: _Call) -> CallToolResult:
    arguments = {**call.arguments, call.context_name: call.ctx}
    if inspect.iscoroutinefunction(call.fn):
        return await call.fn(**arguments)  # type: ignore[no-any-return]
    return await run_sync(lambda: call.fn(**arguments))


def _said(done: CallToolResult) -> str:
    return str((done.structured_content or {}).get("summary", ""))


def _end(call: _Call, entry: int, outcome: str, said: str, at: datetime) -> None:
    try:
        end_audit(call.context.app.store, entry, outcome, said, at)
    except StoreError:  # done is done: its line stays at "started", and the answer still goes out
        log.exception("the end of act %s (%s: %s) could not be recorded", entry, outcome, said)
