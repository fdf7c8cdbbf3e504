"""What a sentence names: a merchant, a payment, a shard; how many rows, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_server.sentence.rest import Rest, compiled
from mcp_server.sentence.words import MEANINGS, STATUSES

_SHARD = r"(?P<a>\d{1,3})\s*번\s*샤드 | (?:shard|샤드)\s*[-_#]?\s*(?P<b>\d{1,3})"
_IS_SHARD = compiled(
    rf"(?<!\w)(?:\b(?:on|in|from|of)\s+)?(?:{_SHARD})(?:번)?(?:에서|에|의)?(?![\w-])"
)
_ID = r"[A-Za-z0-9][A-Za-z0-9._:-]*[A-Za-z0-9] | [A-Za-z0-9]"
_MERCHANT = r"merchant(?:[ _]?id)? | 가맹점(?:\s*(?:id|번호|아이디))? | 머천트(?:\s*id)? | 상점"
_NAMED_MERCHANT = compiled(
    rf"""(?:\bby\s+)?(?<![\w-])(?:{_MERCHANT})(?:이|가|은|는)? \s*[:=]?\s* (?:
        "(?P<q>[^"]+)" | '(?P<q2>[^']+)' | (?P<id>{_ID})) (?![A-Za-z0-9_])(?:의|에서|에)?"""
)
_BARE_MERCHANT = compiled(
    r"""(?:\bby\s+)?(?<![\w-]) (?P<id> (?=[A-Za-z0-9_-]*\d | merchant[-_])
        [A-Za-z][A-Za-z0-9]* (?:[-_][A-Za-z0-9]+)+ ) (?![A-Za-z0-9_-])(?:의|에서|에)?"""
)
_PAYMENT = compiled(
    r"""(?: \b(?:payment|transaction) (?:\s*(?:id|number|no\.?))?
          | (?:결제|거래) (?:\s*(?:번호|id|아이디))? )
        (?:가|는|이)? \s*[:=]?\s* \#? (?P<a>\d{1,18}) (?:번)?
        (?![\w.,:-]*\d | \s*(?:[만천백억원건개시분]|k\b|krw))
    | (?<!\w)\#(?P<b>\d{1,18})(?!\w)
    | (?<![\w.])(?P<c>\d{1,18})번(?!\s*샤드)(?:\s*(?=결제|거래))?"""
)
_LIMIT = compiled(
    r"""\b(?:top|limit|first|last|latest|newest)\s+(?P<a>\d{1,4})\b
        (?!\s*(?:min|h|d|w|sec|month))
    | (?<![\w.])(?P<b>\d{1,4})\s*
        (?=(?:largest|biggest|newest|latest|most\ recent|oldest|smallest)\b)
    | (?:상위|최근|최대)?\s*(?<![\w.,])(?P<c>\d{1,4})\s*(?:건|개)(?:만)?
        (?!\s*(?:이상|초과|이하|미만|월))"""
)
_ORDERS = {
    "largest": r"""\b(?:by\s+)?(?:the\s+)?(?:largest|biggest|highest)(?:\s+(?:amounts?|first))?\b
        | \b(?:sort(?:ed)?|order(?:ed)?)\s+by\s+amount(?:\s+desc(?:ending)?)?\b(?!\s+asc)
        | (?:금액이?\s*)?(?:가장|제일)\s*(?:큰|많은|높은|비싼)
        | 금액\s*(?:큰|높은|많은)?\s*순 | 큰\s*순 | 고액\s*순 | 최대\s*금액""",
    "smallest": r"""\b(?:the\s+)?(?:smallest|lowest)(?:\s+(?:amounts?|first))?\b
        | \b(?:sort(?:ed)?|order(?:ed)?)\s+by\s+amount\s+asc(?:ending)?\b
        | (?:금액이?\s*)?(?:가장|제일)\s*(?:작은|적은|낮은)
        | 금액\s*(?:작은|낮은|적은)\s*순 | 작은\s*순 | 소액\s*순""",
    "oldest": r"""\b(?:the\s+)?oldest(?:\s+first)?\b
        | (?:가장|제일)?\s*오래된(?:\s*순)? | 시간\s*순""",
    "newest": r"""\b(?:the\s+)?(?:newest|latest|most\s+recent)(?:\s+first)?\b
        | 최신\s*순? | 최근\s*순 | 가장\s*최근""",
}
_ORDER = {name: compiled(rf"(?:{forms})(?:으로|의|대로)?") for name, forms in _ORDERS.items()}


def merchants(rest: Rest) -> Iterator[str]:
    """Merchant ids, as they are written."""
    kept = []
    for match in rest.take(_NAMED_MERCHANT):
        quoted, name = match["q"] or match["q2"], match["id"]
        if quoted or name.lower() not in MEANINGS:
            yield quoted or name
        else:
            kept.append(match[0])  # "merchant failed": the word is no name
    for match in rest.take(_BARE_MERCHANT):
        if match["id"].upper().replace("-", "_") in STATUSES or _is_shard(match["id"]):
            kept.append(match[0].replace("-", "_"))
        else:
            yield match["id"]
    rest.text = " ".join([rest.text, *kept])


def shards(rest: Rest) -> Iterator[str]:
    """The names of shards."""
    for match in rest.take(_IS_SHARD):
        yield f"shard{match['a'] or match['b']}"


def payment_ids(rest: Rest) -> Iterator[int]:
    """The ids of single payments."""
    return (int(_given(match)) for match in rest.take(_PAYMENT))


def limits(rest: Rest) -> Iterator[int]:
    """How many rows are wanted."""
    return (int(_given(match)) for match in rest.take(_LIMIT))


def orders(rest: Rest) -> Iterator[str]:
    """In which order: newest, oldest, largest, smallest."""
    for name, pattern in _ORDER.items():
        for _ in rest.take(pattern):
            yield name


def _is_shard(text: str) -> bool:
    return re.fullmatch(r"shard[-_]\d+", text, re.IGNORECASE) is not None


def _given(match: re.Match[str]) -> str:
    return next(text for text in match.groups() if text)
