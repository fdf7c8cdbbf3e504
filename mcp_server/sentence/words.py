"""The words that are understood: one entry per word, with its English and its Korean forms.

Korean entries are stems; particles and conjugations are taken off by rule (korean.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

STATUSES = (
    "CAPTURE_REQUESTED",
    "CAPTURED",
    "CAPTURE_FAILED",
    "REFUND_REQUESTED",
    "REFUNDED",
    "REFUND_FAILED",
)


@dataclass(frozen=True, slots=True)
class Part:
    """Half of a status: what is done with the money (thing), and what came of it (outcome)."""

    thing: str = ""  # capture, refund
    outcome: str = ""  # failed, waiting, done
    is_bare: bool = False  # a noun without an outcome of its own ("refund")


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its forms; `part` for words of status, `no_row` why there are no such rows."""

    english: tuple[str, ...]
    korean: tuple[str, ...] = ()
    part: Part | None = None
    no_row: str = ""


STATUS_WORDS = (
    Word(
        ("failed", "fail", "fails", "failing", "failure", "failures"), ("실패",), Part("", "failed")
    ),
    Word(
        ("pending", "waiting", "unfinished", "in progress"),
        ("대기", "보류", "처리 중", "처리중", "진행 중", "진행중"),
        Part("", "waiting"),
    ),
    Word(
        ("completed", "complete", "succeeded", "successful", "success", "done"),
        ("완료", "성공"),
        Part("", "done"),
    ),
    Word(("captured", "settled"), (), Part("capture", "done")),
    Word(
        ("capture", "captures", "capturing", "settlement", "settlements"),
        ("캡처", "캡쳐", "매입", "정산"),
        Part("capture", "", is_bare=True),
    ),
    Word(("refunded",), (), Part("refund", "done")),
    Word(("refund", "refunds", "refunding"), ("환불",), Part("refund", "", is_bare=True)),
    Word(("requested", "request", "requests"), ("요청",), Part("", "requested")),
    Word(
        ("authorization", "authorizations", "authorisation", "authorisations", "authorize"),
        ("승인", "인가"),
        no_row="authorized",
    ),
    Word(("authorized", "authorised", "approved"), (), no_row="authorized"),
    Word(("declined", "rejected", "refused", "denied"), ("거절", "거부"), no_row="declined"),
    Word(
        ("cancelled", "canceled", "cancel", "cancellation", "cancellations", "cancels", "voided"),
        ("취소",),
        no_row="cancelled",
    ),
    Word(("stuck", "hanging", "blocked", "delayed"), ("지연", "멈춘", "멈춰"), no_row="stuck"),
)
# What people ask for here that another tool answers.
ELSEWHERE = {
    "payment_statistics": Word(
        ("sales", "revenue", "turnover", "statistics", "average", "grouped", "per", "trend"),
        ("매출", "통계", "평균", "추이", "별로", "가맹점별", "상태별", "날짜별", "일별"),
    ),
    "query_ledgers": Word(("ledger", "ledgers", "entry", "entries"), ("원장", "분개", "장부")),
    "idempotency_lookup": Word(("key", "keys", "idempotency"), ("멱등", "멱등키", "멱등성")),
    "check_outbox_status": Word(
        ("unpublished", "outbox", "event", "events"), ("아웃박스", "이벤트")
    ),
}
NEGATIONS = Word(
    (
        *(
            "not",
            "no",
            "non",
            "never",
            "except",
            "excluding",
            "exclude",
            "without",
            "but",
            "neither",
        ),
        *("nor", "isn't", "aren't", "wasn't", "weren't", "haven't", "hasn't", "didn't", "don't"),
        *("doesn't", "cannot", "can't", "other", "besides", "minus", "unless", "instead"),
    ),
    (
        *(
            "안",
            "못",
            "않",
            "않은",
            "않는",
            "않고",
            "아닌",
            "아니고",
            "아니라",
            "말고",
            "빼고",
            "뺀",
        ),
        *("제외", "없는", "없이", "없던", "못한", "외에", "이외", "아니"),
    ),
)
OR = Word(("or", "|", "||"), ("또는", "혹은", "이나", "아니면"))
AND = Word(
    ("and", "&", "&&", ",", "plus", "as well as", "both"), ("그리고", "및", "와", "과", "하고")
)
MERCHANT = Word(("merchant", "merchant_id", "shop", "store"), ("가맹점", "머천트", "상점"))
FILLERS = Word(
    (
        *("payment", "payments", "transaction", "transactions", "row", "rows", "one", "ones"),
        *(
            "show",
            "list",
            "find",
            "get",
            "give",
            "fetch",
            "search",
            "display",
            "tell",
            "see",
            "want",
        ),
        *("me", "us", "i", "please", "can", "you", "the", "a", "an", "all", "any", "every", "each"),
        *("of", "for", "with", "in", "on", "at", "from", "to", "that", "which", "who", "whose"),
        *("are", "is", "were", "was", "be", "been", "have", "has", "had", "did", "do", "there"),
        *("what", "where", "how", "many", "much", "their", "its", "it", "status", "state", "only"),
        *("amount", "amounts", "total", "sum", "count", "number", "made", "happened", "came"),
        *("recent", "recently", "sorted", "order", "ordered", "krw", "won", "?", "!", "."),
        *(
            "whether",
            "anything",
            "look",
            "up",
            "let",
            "know",
            "currently",
            "now",
            "still",
            "during",
        ),
    ),
    (
        *(
            "결제",
            "거래",
            "내역",
            "목록",
            "리스트",
            "건수",
            "건",
            "것",
            "거",
            "금액",
            "총",
            "합계",
            "총액",
        ),
        *(
            "전부",
            "전체",
            "모두",
            "모든",
            "다",
            "중",
            "중에",
            "상태",
            "보여",
            "보여줘",
            "찾아",
            "찾아줘",
        ),
        *(
            "알려",
            "알려줘",
            "조회",
            "검색",
            "뽑아",
            "뽑아줘",
            "줘",
            "주세요",
            "있어",
            "있나",
            "있는",
            "있었던",
        ),
        *(
            "있던",
            "뭐",
            "무엇",
            "어떤",
            "몇",
            "얼마",
            "좀",
            "그",
            "최근",
            "현재",
            "지금",
            "아직",
            "동안",
            "사이",
        ),
        *("들어온", "발생", "생긴", "난", "인", "원", "번", "번호", "궁금", "확인", "부탁"),
        *("총합", "합", "계산", "된", "한", "됨", "함", "했던", "요약"),
        *(
            "건만",
            "순",
            "순으로",
            "해줘",
            "해",
            "해주세요",
            "대한",
            "관련",
            "에 대한",
            "했는지",
            "있는지",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a word is to the reader: a part of a status, a connector, a filler, …"""

    kind: str  # status, exact, no_row, elsewhere, not, or, and, merchant, filler
    text: str = ""
    part: Part = field(default_factory=Part)


def _entries() -> dict[str, Meaning]:
    found: dict[str, Meaning] = {}
    groups = (
        *(("not", NEGATIONS), ("or", OR), ("and", AND), ("merchant", MERCHANT)),
        ("filler", FILLERS),
    )
    for kind, word in groups:
        found |= {form: Meaning(kind, form) for form in (*word.english, *word.korean)}
    for word in STATUS_WORDS:
        kind = "no_row" if word.no_row else "status"
        meaning = Meaning(kind, word.no_row, word.part or Part())
        found |= dict.fromkeys((*word.english, *word.korean), meaning)
    for tool, word in ELSEWHERE.items():
        found |= dict.fromkeys((*word.english, *word.korean), Meaning("elsewhere", tool))
    return {status.lower(): Meaning("exact", status) for status in STATUSES} | found


MEANINGS = _entries()
KOREAN_STEMS = tuple(
    sorted((form for form in MEANINGS if not form.isascii()), key=len, reverse=True)
)
