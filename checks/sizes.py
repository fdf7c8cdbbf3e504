"""How large a trouble is, by the parameter that says so: what grows is told again.

`floor` is the smallest growth that anybody would act on; `falls`: the lower, the worse.
"""

from __future__ import annotations

from monitor.domain.alert import Size

SIZES: tuple[Size, ...] = (
    Size("books_broken:*", "count", 3),
    Size("books_broken:*", "amount_krw", 100_000),
    Size("breaks_old:*", "count", 10),
    Size("dead_letters_arrived:*", "count", 10),
    Size("events_skipped:*", "events", 10),
    Size("events_skipped:*", "unbooked_krw", 100_000),
    Size("outbox_old:*", "waiting", 100),
    Size("outbox_exhausted:*", "exhausted", 5),
    Size("lag_stuck:*", "lag_messages", 500),
    Size("lag_rising:*", "lag_messages", 500),
    Size("work_delayed:*", "delayed", 20),
    Size("work_dead_lettered:*", "dead_letters", 5),
    Size("work_failing:*", "success_percent", 10, falls=True),
    Size("requests_limited:*", "refused", 100),
    Size("payments_refused:*", "refused_percent", 20),
)
