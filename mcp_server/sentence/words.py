"""The words that are understood: what a word is, and the English and Korean forms it has.

A form is one word; `_` in it stands for a blank (Korean is read without the blank as well). `-` in
front: only as the end of a longer Korean word (a particle, a conjugation); `~`: there as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

STATUSES = (
    "CAPTURE_REQUESTED",
    "CAPTURED",
    "CAPTURE_FAILED",
    "REFUND_REQUESTED",
    "REFUNDED",
    "REFUND_FAILED",
)

# A kind with its value ("unit h"); words of status as thing.outcome. Kinds are used by RULES.
WORDS = {
    "status .failed": "failed fail fails failing failure failures 실패",
    "status .waiting": "pending waiting unfinished in_progress 대기 보류 처리_중 진행_중",
    "status .done": "completed complete succeeded successful success done 완료 성공",
    "status capture.done": "captured sales revenue turnover 매출",
    "settled capture.done": "settled",
    "status capture.": "capture captures capturing 캡처 캡쳐 매입",
    "settled capture.": "settlement settlements 정산",
    "status capture.open": "unsettled 미정산",
    "status refund.done": "refunded",
    "status refund.": "refund refunds refunding 환불",
    "status .requested": "requested request requests 요청",
    "no_row authorized": """authorization authorizations authorisation authorisations authorize
        authorized authorised approved 승인 인가""",
    "no_row declined": "declined rejected refused denied 거절 거부",
    "no_row cancelled": """cancelled canceled cancel cancellation cancellations cancels voided
        취소""",
    "no_row stuck": "stuck hanging blocked delayed 지연 멈춘 멈춰",
    # What another tool answers.
    "elsewhere payment_statistics": """statistics average grouped per trend 통계 평균 추이 별로
        가맹점별 상태별 날짜별 일별""",
    "elsewhere query_ledgers": "ledger ledgers entry entries 원장 분개 장부",
    "elsewhere idempotency_lookup": "key keys idempotency 멱등 멱등키 멱등성",
    "elsewhere check_outbox_status": "unpublished outbox event events 아웃박스 이벤트",
    "not": """not no non never except excluding exclude without but neither nor cannot other
        besides minus unless instead ~안 ~못 않 않은 않는 않고 ~아닌 아니고 아니라 ~말고 ~빼고 뺀
        ~제외 없는 없이 없던 ~못한 외에 이외 아니 -안된 -지 -하지 -되지 -시키지 -하지도 -되지도
        -하지는 -되지는 ~하지_않은 ~되지_않은 ~하지_않는 ~되지_않는""",
    "or": """or | 또는 혹은 아니면 이나 -했거나 -됐거나 -되었거나 -하거나 -되거나 -이거나 -거나
        -이나 -나 /""",
    "and": """and & plus as_well_as both 그리고 ~및 ~하고 -했고 -됐고 -되었고 -되고 -이고
        -이랑 -랑 -와 -과""",
    "comma": ",",
    # Names and order.
    "merchant": "merchant merchants merchant_id shop store 가맹점 머천트 상점",
    "payment": "payment transaction payment_no transaction_no 결제 거래",
    "rows": "payments transactions row rows",
    "piece": "~건 ~개",
    "th": "~번",
    "hash": "#",
    "shard": "shard 샤드",
    "top": "top limit first 상위 최대",
    "by": "by",
    "order largest": """largest biggest highest largest_first biggest_first highest_first by_amount
        by_amount_desc 가장_큰 가장_많은 가장_높은 가장_비싼 제일_큰 제일_많은 제일_높은 제일_비싼
        금액_순 큰_순 높은_순 많은_순 고액_순 최대_금액""",
    "order smallest": """smallest lowest smallest_first lowest_first by_amount_asc 가장_작은
        가장_적은 가장_낮은 제일_작은 제일_적은 제일_낮은 작은_순 적은_순 낮은_순 소액_순""",
    "order oldest": "oldest oldest_first 오래된 가장_오래된 오래된_순 시간_순",
    "order newest": """newest latest most_recent newest_first latest_first 최신 최신_순 최근_순
        가장_최근""",
    # Amounts.
    "over": "over above more_than greater_than larger_than bigger_than exceeding exceeds >",
    "at_least": "at_least minimum not_less_than no_less_than >= ≥",
    "under": "under below less_than smaller_than lower_than <",
    "at_most": "at_most maximum not_more_than no_more_than <= ≤",
    "exactly": "exactly equal_to equals = == amount_of 정확히",
    "beyond": "초과 넘는 넘은 넘게",
    "or_more": "or_more and_more and_up + 이상",
    "fewer": "미만",
    "or_less": "or_less 이하",
    "priced": "짜리",
    "than": "보다",
    "big": "큰 많은 높은",
    "small": "작은 적은 낮은",
    "currency": "krw won ₩ ~원",
    "scale 1000": "k thousand 천",
    "scale 1000000": "m million 백만",
    "scale 100": "백",
    "scale 10000": "만",
    "scale 100000": "십만",
    "scale 10000000": "천만",
    "scale 100000000": "억",
    # Times. A word that stands in front of the time has another kind than one behind it.
    "between": "between",
    "from": "from",
    "origin": "~에서",
    "to": "to",
    "dash": "~ -",
    "up_to": "up_to",
    "since": "since after starting",
    "onward": "부터 이후 이래 ~후",
    "until": "until till",
    "upto": "까지",
    "before": "before",
    "prior": "이전 ~전",
    "last": "last past previous 지난 저번",
    "recent": "recent recently 최근 근래",
    "within": "within 이내 ~내 안에 안의",
    "during": "during 동안 사이 범위 -간",
    "older": "older_than longer_than earlier_than for_over for_more_than since_over",
    "ago": "ago",
    "just": "just_now moments_ago 방금 방금_전",
    "around": "around about -쯤 -경 -무렵",
    "day 0": "today 오늘 금일",
    "day 1": "yesterday 어제 전일",
    "day 2": "그제 그저께",
    "period this_week": "this_week 이번_주 금주",
    "period last_week": "last_week previous_week 지난_주 저번_주 전주",
    "period this_month": "this_month 이번_달 이달 금월",
    "period last_month": "last_month previous_month 지난_달 저번_달 전월",
    "period early_today": "early_this_morning early_today",
    "part dawn": "새벽",
    "part am": "am a.m 오전 아침",
    "part pm": "pm p.m 오후 저녁 낮",
    "part night": "밤",
    "clock 0": "midnight 자정",
    "clock 12": "noon 정오",
    "oclock": "~시",
    "half": "~반",
    "month": "~월",
    "unit m": "minute min ~분",
    "unit h": "hour hr 시간",
    "unit d": "day ~일",
    "unit w": "week 주일 ~주",
    "unit M": "month 개월 ~달",
    "units m": "minutes mins",
    "units h": "hours hrs",
    "units d": "days",
    "units w": "weeks",
    "units M": "months",
    "short h": "h",
    "short d": "d",
    "length 1d": "하루",
    "length 2d": "이틀",
    "length 3d": "사흘",
    "length 4d": "나흘",
    "length 1w": "일주일",
    "one 1": "a an one 한",
    "number 2": "two 두",
    "number 3": "three 세",
    "number 4": "four 네",
    "number 5": "five 다섯",
    "number 6": "six 여섯",
    "number 7": "seven 일곱",
    "number 8": "eight 여덟",
    "number 9": "nine 아홉",
    "number 10": "ten 열",
    "number 12": "twelve",
    # What says nothing.
    "filler": """ones show list find get give fetch search display tell see want me us i please can
        you the all any every each of for with in on at that which who whose are is were was be
        been have has had did do there what where how many much their its it status state only
        amount amounts total sum count number made happened came sorted order ordered whether
        anything look up let know currently now still yet id . ? ! : ; ( ) [ ] { } ' " `
        내역 목록 리스트 건수 건들 ~것 ~거 금액 총 합계 총액 전부 전체 모두 모든 다 중 상태 보여
        찾아 알려 조회 검색 뽑아 줘 주세요 있어 있나 있는 있었던 있던 뭐 무엇 어떤 몇 얼마 좀 그
        현재 지금 아직 들어온 발생 생긴 난 인 번호 아이디 궁금 확인 부탁 총합 합 계산 된 됨 함 했던
        요약 순 해줘 해 해주세요 대한 관련 에_대한 했는지 있는지
        -했었던 -되었던 -하였던 -이었던 -했던 -됐던 -였던 -하던 -되던 -하는 -되는 -했는지 -됐는지
        -했음 -됐음 -했어 -됐어 -했나요 -됐나요 -했나 -됐나 -했다 -됐다 -한 -된 -할 -될 -함 -됨 -했
        -됐 -해 -돼 -하여 -되어 -시킨 -당한 -중이던 -중인 -중 -인 -난 -나는 -된지 -지난 -째 -자
        -해줘요 -해줘 -해봐 -줘요 -줘 -주세요 -줄래 -봐줘 -봐 -드려 -요 -야 -니 -어 -나요 -까
        -에서의 -에서는 -에서만 -에게 -에는 -에 -으로는 -으로 -로는 -로 -이며 -이 -가 -을 -를 -은
        -는 -의 -도 -만""",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Half of a status: what is done with the money (thing), and what came of it (outcome)."""

    thing: str = ""  # capture, refund
    outcome: str = ""  # failed, waiting, requested, done, open (not done, for whatever reason)


@dataclass(frozen=True, slots=True)
class Word:
    """What a form is to the reader; the type of the value goes with the kind."""

    kind: str
    value: Any = None


def _value(kind: str, text: str) -> Any:
    if "." in text:
        return Part(*text.split("."))
    if text.isdecimal():
        return Decimal(text) if kind == "scale" else int(text)
    return (int(text[0]), text[1]) if kind == "length" else text


def _forms(*marks: str) -> Iterator[tuple[str, Word]]:
    for key, forms in WORDS.items():
        kind, _, text = key.partition(" ")
        for form in forms.split():
            mark, plain = (form[0], form[1:]) if form[0] in "-~" and form[1:] else ("", form)
            if mark in marks:
                phrase = plain.replace("_", " ")
                yield phrase, Word(kind, _value(kind, text))
                if not phrase.isascii() and " " in phrase:
                    yield phrase.replace(" ", ""), Word(kind, _value(kind, text))


MEANINGS = {s.lower(): Word("exact", s) for s in STATUSES} | dict(_forms("", "~"))
ENDINGS = dict(_forms("-", "~"))
