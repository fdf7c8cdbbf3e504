"""Questions to Prometheus that have a name, in English and Korean, and the PromQL they become.

Metrics are chosen by `job`: the label `application` is rewritten by service discovery and does
not name the same thing everywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mcp_server.sentence.rest import TAKEN, Rest, compiled
from mcp_server.sentence.times import Calendar, Stretch, stretches

_SMOOTH_MIN = timedelta(minutes=5)
_REQUESTS = "http_server_requests_seconds"
_BREAKER = "resilience4j_circuitbreaker"
_POOL = "hikaricp_connections"


@dataclass(frozen=True, slots=True)
class Named:
    """A question with a name. In `promql`, §range§ stands for the span and §and§ for the job."""

    name: str
    words: str
    promql: str
    unit: str
    usual: timedelta = timedelta(minutes=5)


_ERRORS = (
    f'sum by (job) (rate({_REQUESTS}_count{{uri!~"/actuator.*", status=~"5.."§and§}}[§range§]))'
)
_ALL = f'sum by (job) (rate({_REQUESTS}_count{{uri!~"/actuator.*"§and§}}[§range§]))'
# The more telling words come first: what is understood is taken out of the question.
QUESTIONS = (
    Named(
        "breaker_failure_rate",
        r"(?:breaker'?s?|브레이커)(?:의)?\s*(?:failure\s*rates?|실패율)",
        f"{_BREAKER}_failure_rate{{§job§}} >= 0",
        "%",
    ),
    Named(
        "breaker_state",
        r"(?:circuit\s*)?breakers?(?:\s*states?)?|서킷\s*브레이커|브레이커|차단기",
        f"{_BREAKER}_state{{§job§}} == 1",
        "",
    ),
    Named(
        "error_rate",
        r"(?:http\s*)?(?:error|failure)\s*(?:rate|percentage|ratio)|에러율|오류율|실패율",
        f"100 * ({_ERRORS} or 0 * {_ALL}) / {_ALL}",
        "%",
    ),
    Named(
        "server_errors",
        r"(?:5xx|server|http)\s*errors?|5xx|errors?|서버\s*(?:에러|오류)|에러|오류",
        f'sum by (job, uri, status) (increase({_REQUESTS}_count{{status=~"5.."§and§}}[§range§]))',
        "requests",
        timedelta(hours=1),
    ),
    Named(
        "refused_requests",
        r"(?:4xx|429)s?(?:\s*(?:responses?|errors?|requests?|응답))?"
        r"|(?:refused|rejected)\s*requests?|거절(?:된)?\s*요청",
        f'sum by (job, uri, status) (increase({_REQUESTS}_count{{status=~"4.."§and§}}[§range§]))',
        "requests",
        timedelta(hours=1),
    ),
    Named(
        "request_rate",
        r"(?:http\s*)?requests?\s*(?:rate|per\s*second)|rps|throughput|초당\s*요청(?:\s*수)?"
        r"|요청률|처리량",
        _ALL,
        "requests/s",
    ),
    Named(
        "request_count",
        r"(?:number\s*of\s*)?(?:http\s*)?requests?(?:\s*counts?)?|http\s*요청(?:\s*(?:건)?수)?"
        r"|요청(?:\s*(?:건)?수)?",
        f'sum by (job) (increase({_REQUESTS}_count{{uri!~"/actuator.*"§and§}}[§range§]))',
        "requests",
        timedelta(hours=1),
    ),
    Named(
        "latency_p95",
        r"p95(?:\s*(?:latency|response\s*times?|응답\s*시간|지연\s*시간))?|95th\s*percentile",
        f"1000 * histogram_quantile(0.95, sum by (job, le)"
        f' (rate({_REQUESTS}_bucket{{uri!~"/actuator.*"§and§}}[§range§])))',
        "ms",
    ),
    Named(
        "latency",
        r"(?:mean\s*|average\s*)?(?:latency|response\s*times?)|(?:평균\s*)?(?:응답|지연)\s*시간",
        f'1000 * sum by (job, uri) (rate({_REQUESTS}_sum{{uri!~"/actuator.*"§and§}}[§range§]))'
        f' / (sum by (job, uri) (rate({_REQUESTS}_count{{uri!~"/actuator.*"§and§}}[§range§])) > 0)',
        "ms",
    ),
    Named(
        "cpu",
        r"(?:process\s*)?cpu(?:\s*(?:usage|load|사용률|사용량))?|프로세서",
        "100 * avg_over_time(process_cpu_usage{§job§}[§range§])",
        "%",
    ),
    Named(
        "memory",
        r"(?:jvm\s*|heap\s*)?memory(?:\s*usage)?|heap|(?:jvm\s*|힙\s*)?메모리(?:\s*사용(?:률|량))?",
        "sum by (job, instance, area) (jvm_memory_used_bytes{§job§}) / 1048576",
        "MiB",
    ),
    Named(
        "pool_pending",
        r"pending\s*connections?|waiting\s*for\s*connections?|커넥션\s*대기|연결\s*대기",
        f"{_POOL}_pending{{§job§}}",
        "threads",
    ),
    Named(
        "pool",
        r"(?:(?:database|db|connection|hikari)\s*)*(?:pools?|connections?)(?:\s*usage)?|hikari"
        r"|(?:디비|db)?\s*(?:커넥션|연결)(?:\s*풀)?(?:\s*사용(?:률|량))?",
        f"100 * {_POOL}_active{{§job§}} / {_POOL}_max{{§job§}}",
        "%",
    ),
    Named(
        "publish_errors",
        r"(?:kafka\s*)?(?:producer|publish(?:ing|er)?)\s*(?:errors?|failures?)"
        r"|(?:카프카\s*)?발행\s*(?:실패|오류|에러)",
        "sum by (job, instance) (increase(kafka_producer_record_error_total{§job§}[§range§]))",
        "messages",
        timedelta(hours=1),
    ),
    Named(
        "threads",
        r"(?:executor\s*|active\s*)?threads?|스레드",
        "executor_active_threads{§job§}",
        "threads",
    ),
    Named(
        "instances_up",
        r"(?:instances?|targets?)(?:\s*(?:are\s*)?up)?|인스턴스",
        "up{§job§}",
        "",
    ),
)
_BY_LENGTH = ("publish_errors",)  # to be looked for before the words that it begins with
_TREND = compiled(
    r"\b(?:trends?|course|over\s+time|graph|history|timeline)\b|추이|추세|변화|그래프|흐름"
)
_JOBS = (
    ("gateway", r"\b(?:api[\s-]*)?gateway\b|게이트웨이"),
    ("consumer-worker", r"\bconsumer[\s-]*workers?\b|컨슈머\s*워커"),
    ("settlement-worker", r"\bsettlement[\s-]*workers?\b|정산\s*워커"),
    ("refund-worker", r"\brefund[\s-]*workers?\b|환불\s*워커"),
    ("monitoring-service", r"\bmonitoring[\s-]*service\b|모니터링\s*서비스"),
    ("eureka-server", r"\beureka(?:[\s-]*server)?\b|유레카"),
)
_INGEST = r"\bingest(?:[\s-]*service)?\b|인제스트"
_FILLER_WORDS = """
what whats what's which who is was were are be the a an of for in on at to from by per and my our
me us we i it its show tell give list get check how many much there has have had did do does
current currently now right please total all each every service services server api http
prometheus metric metrics value values looks look like jobs job
은 는 이 가 을 를 의 에 로 수 건 좀 몇 얼마 얼마나 현재 지금 전체 총 모든 서비스 서버 각 별 보여줘
보여주세요 알려줘 알려주세요 확인 확인해줘 어때 어떤가 뭐 뭐야 무엇 있어 있나 되나 인가 상태 지표
메트릭 프로메테우스 해줘 동안 쓰고
"""
_FILLERS = frozenset(_FILLER_WORDS.split())
_PARTICLE = re.compile(
    r"(?:은|는|이|가|을|를|의|에서|에|도|만|로|으로|야|이야|인가|인가요|요|지|나)$"
)
_PROMQL = re.compile(
    r"[{}\[\]()=~]|^[a-zA-Z_:][\w:]*[_:][\w:]*$|^(?:up|scrape_\w+|ALERTS)$|\d\s*[*/]"
)


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, as it is put to Prometheus. `name` "": PromQL as it was given."""

    promql: str
    name: str = ""
    unit: str = ""
    stretch: Stretch = field(default_factory=Stretch)
    is_course: bool = False


class NotUnderstoodError(Exception):
    """A question in words of which some mean nothing here; `words` are those, as they were."""

    def __init__(self, words: Sequence[str] = (), several: Sequence[str] = ()) -> None:
        super().__init__(", ".join((*words, *several)))
        self.words = words
        self.several = several


def is_promql(text: str) -> bool:
    """Whether a text is PromQL and no question in words."""
    return not text.rstrip().endswith("?") and bool(_PROMQL.search(text.strip()))


def read(text: str, calendar: Calendar, ingest_job: str) -> Question:
    """A question in words as PromQL; NotUnderstoodError if any word of it is not understood."""
    rest = Rest(text)
    try:
        said = list(stretches(rest, calendar))
    except ValueError:
        raise NotUnderstoodError([text]) from None
    is_course = bool(list(rest.take(_TREND)))
    jobs = list(_taken(rest, (("", _INGEST), *_JOBS)))
    named = _named(rest)
    left = list(_left(rest.text))
    if left or not named:
        raise NotUnderstoodError(left)
    if len(named) > 1 or len(said) > 1 or len(jobs) > 1:
        raise NotUnderstoodError(several=[each.name for each in named])
    stretch = said[0] if said else Stretch()
    job = (jobs[0] or ingest_job) if jobs else ""
    return Question(
        filled(named[0], _range(stretch, named[0].usual, calendar.now, is_course), job),
        named[0].name,
        named[0].unit,
        stretch,
        is_course,
    )


def filled(named: Named, over: timedelta, job: str) -> str:
    """The PromQL of a named question over a span, of one job or of all."""
    matcher = f"job={json.dumps(job)}" if job else 'job!=""'
    return (
        named.promql.replace("§range§", f"{max(15, round(over.total_seconds()))}s")
        .replace("§and§", f", {matcher}" if job else "")
        .replace("§job§", matcher)
    )


def _range(stretch: Stretch, usual: timedelta, now: datetime, is_course: bool) -> timedelta:
    """Over how long each value is taken: the stretch itself, a small part of it in a course."""
    if stretch.start is None:
        return _SMOOTH_MIN if is_course else usual
    over = (stretch.end or now) - stretch.start
    return max(_SMOOTH_MIN, over / 60) if is_course else over


def _taken(rest: Rest, words: Sequence[tuple[str, str]]) -> Iterator[str]:
    for name, pattern in words:
        if list(rest.take(compiled(pattern.replace(" ", r"\s")))):
            yield name


def _named(rest: Rest) -> list[Named]:
    """The named questions in a sentence, each looked for in what those before it left."""
    ordered = sorted(QUESTIONS, key=lambda one: one.name not in _BY_LENGTH)
    known = {one.name: one for one in ordered}
    found = _taken(rest, [(one.name, rf"(?<![\w-])(?:{one.words})(?![a-zA-Z])") for one in ordered])
    return [known[name] for name in found]


def _left(text: str) -> Iterator[str]:
    """The words that mean nothing here."""
    for word in text.replace(TAKEN, " ").split():
        plain = word.strip(".,?!:;\"'()").lower()
        if plain and plain not in _FILLERS and _PARTICLE.sub("", plain) not in _FILLERS | {""}:
            yield plain


def known(job: str = "") -> Mapping[str, str]:
    """Every named question with its PromQL over its usual span."""
    return {one.name: filled(one, one.usual, job) for one in QUESTIONS}
