"""Who may import what: the rows that the architecture test holds the code to."""

from __future__ import annotations

# Who may import what of ours: the first row that holds a module decides. A name ending in "*"
# stands for all that begins so; "-" in front takes out again what a wider name let in.
DOMAIN = ["monitor.domain"]
FACTS = ["checks.sources.facts", "monitor.config.option_types", *DOMAIN]
LIVE = ["monitor.app", *FACTS]  # what a look tells
STORED = [
    "monitor.store",
    "-monitor.store.tables",
    "-monitor.store.passes.memory",
    "-monitor.store.passes.record",
    "monitor.reports",
    "monitor.load_tests",
]  # what history tells
ANSWERING = [
    *("mcp_server.context", "mcp_server.answers", "mcp_server.writing", "mcp_server.toolsets"),
    *("mcp_server.sentence", "monitor.text", *LIVE, *STORED),
]
ROWS = [*DOMAIN, "monitor.store.codec", "monitor.store.database", "monitor.store.rollup"]
OURS: dict[str, list[str]] = {
    "monitor.domain.load_test": ["monitor.domain", "-monitor.domain.books"],
    "monitor.domain.detection": [
        *("monitor.domain", "-monitor.domain.load_test", "-monitor.domain.books")
    ],
    "monitor.domain.books": ["monitor.domain", "-monitor.domain.load_test"],
    "monitor.domain.incident": [
        *("monitor.domain", "-monitor.domain.load_test"),
        *("-monitor.domain.detection", "-monitor.domain.books"),
    ],
    "monitor.domain": [
        *("monitor.domain", "-monitor.domain.load_test"),
        *("-monitor.domain.detection", "-monitor.domain.books", "-monitor.domain.incident"),
    ],
    "monitor.store.alerting": ["monitor.store.alerting", *ROWS],
    "monitor.store.series": ["monitor.store.series", "monitor.store.load_tests", *ROWS],
    # A pass is rows of all of them.
    "monitor.store.passes": [
        *("monitor.store.passes", "monitor.store.alerting", "monitor.store.series.readings"),
        *("monitor.store.discrepancies", "monitor.store.load_tests", *ROWS),
    ],
    "monitor.store.upkeep": ["monitor.store.upkeep", *ROWS],
    "monitor.store.acts": ["monitor.store.acts", *ROWS],
    "monitor.store.delivery": ["monitor.store.delivery", *ROWS],
    "monitor.store": [*ROWS, "monitor.resources"],
    "monitor.notifiers": [*DOMAIN, "monitor.notifiers", "monitor.config.option_types"],
    "monitor.text.terminal": [*DOMAIN, "monitor.text"],
    "monitor.text": [*DOMAIN, "monitor.text", "-monitor.text.terminal", "monitor.resources"],
    # A receiver is given its words when it is planned.
    "monitor.config.receivers": [*DOMAIN, "monitor.config", "monitor.plugins", "monitor.text"],
    # What is wrong is said in the language that the configuration names.
    "monitor.config.errors": [*DOMAIN, "monitor.config", "monitor.text.catalog"],
    "monitor.config": [*DOMAIN, "monitor.config", "monitor.plugins"],
    # The morning report tells of load tests as their one judge does.
    "monitor.reports.build": [*DOMAIN, "monitor.store", "monitor.reports", "monitor.load_tests"],
    "monitor.reports.job": [
        *(*DOMAIN, "monitor.store", "monitor.reports", "monitor.config.models"),
        "monitor.scheduling.timetable",
    ],
    "monitor.reports": [*DOMAIN, "monitor.store", "monitor.reports"],
    # The watch is a check that is looked at while k6 runs, and it speaks.
    "monitor.load_tests.watch": [
        *(*DOMAIN, "monitor.store", "monitor.load_tests"),
        *("monitor.run_check", "monitor.text.catalog"),
    ],
    "monitor.load_tests": [*DOMAIN, "monitor.store", "monitor.load_tests"],
    "monitor.app": ["monitor", "checks", "-monitor.cli"],
    "monitor.recording.reconcile": ["monitor", "checks", "-monitor.cli"],
    "monitor.cli.demo": ["monitor", "demo", "checks.k6"],
    "monitor.cli.mcp": ["monitor", "mcp_server"],
    "monitor.cli.loadtest": ["monitor", "checks.k6"],
    "monitor.cli.report": ["monitor", "-monitor.cli"],
    "monitor.cli.detection": ["monitor"],
    "monitor.cli.books": ["monitor", "checks"],
    "monitor.cli.doctor": ["monitor", "checks.k6", "checks.sources.facts"],
    "monitor.cli": ["monitor"],
    "monitor.delivery": [*DOMAIN, "monitor.store", "monitor.delivery", "monitor.scheduling"],
    "monitor.scheduling": [*DOMAIN, "monitor.store", "monitor.scheduling"],
    "monitor": [
        *(*DOMAIN, "monitor.store"),
        *("monitor.recording", "monitor.scheduling.bounded"),
    ],
    "checks.sources.facts": FACTS,
    "checks.sources.http": ["checks.sources.http", *FACTS],
    "checks.sources.actuator": ["checks.sources.actuator", "checks.sources.http", *FACTS],
    "checks.sources.database.servers": ["checks.sources.database.servers", *FACTS],
    "checks.sources.database.books": [
        *("checks.sources.database.books", "checks.sources.database.servers", *FACTS)
    ],
    "checks.sources.database": ["checks.sources.database", *FACTS],
    "checks.sources.kafka": ["checks.sources.kafka", *FACTS],
    # What Kafka holds is read alike, by whichever way it comes.
    "checks.sources.monitoring_api": [
        *("checks.sources.monitoring_api", "checks.sources.http", *FACTS),
        "checks.sources.kafka.dead_letter",
    ],
    # A field of an answer is taken alike, and a counter is reset through the platform's API.
    "checks.sources.redis": [
        *("checks.sources.redis", *FACTS),
        *("checks.sources.monitoring_api.fields", "checks.sources.monitoring_api.ask"),
    ],
    # The breakers' metrics have the same names, scraped or stored.
    "checks.sources.prometheus": [
        *("checks.sources.prometheus", "checks.sources.http", *FACTS),
        *("checks.sources.actuator.metrics", "checks.sources.monitoring_api.fields"),
    ],
    "checks.sources": ["monitor.domain", "checks.sources"],
    "checks.invariants": ["checks.invariants", "checks.sources.database.servers", *DOMAIN],
    "checks.books": ["checks.books", "checks.invariants", "checks.sources", *FACTS],
    "checks.k6": ["checks.k6", *FACTS],
    "checks.payment_story": ["checks.payment_story", *FACTS],
    "checks.settlement_file": ["checks.settlement_file", *FACTS],
    "checks.rate_parts": ["checks.rate_parts", *FACTS],
    "checks.lag_parts": ["checks.lag_parts", *FACTS],
    "checks.traffic_parts": ["checks.traffic_parts", *FACTS],
    "checks.diagnose_issues": ["checks.causes", *FACTS],
    "checks.causes": ["checks.invariants", *DOMAIN],
    "checks.load_test": ["checks.k6", *FACTS],
    "checks.pg_file": ["checks.settlement_file", *FACTS],
    "checks.reconciliation": ["checks.books", *FACTS],
    "checks.rate_limits": ["checks.rate_parts", *FACTS],
    "checks.consumer_lag": ["checks.lag_parts", *FACTS],
    "checks.traffic": ["checks.traffic_parts", *FACTS],
    "checks": FACTS,
    "mcp_server.access": [
        *("mcp_server.access", "monitor.text.filters", "monitor.domain.statement"),
        *("monitor.config.mcp", "monitor.config.models"),
    ],
    "mcp_server.sentence": ["mcp_server.sentence", "monitor.reports.periods", *DOMAIN],
    "mcp_server.answers": [
        *("mcp_server.answers", "mcp_server.context", "monitor.text", *LIVE, *STORED)
    ],
    # A topic's tools answer by themselves, but for what is asked alike in several.
    "mcp_server.tools.books": [
        *("mcp_server.tools.books", "monitor.recording.reconcile", *ANSWERING),
        *("mcp_server.tools.history.spans", "mcp_server.tools.payments"),
    ],
    "mcp_server.tools.breakers": [
        *("mcp_server.tools.breakers", "mcp_server.tools.history", *ANSWERING)
    ],
    "mcp_server.tools.health": [
        *("mcp_server.tools.health", "mcp_server.tools.history", *ANSWERING)
    ],
    "mcp_server.tools.history.actions": [
        *("mcp_server.tools.history", "mcp_server.access.caller", *ANSWERING),
        "monitor.recording.by_model",
    ],
    "mcp_server.tools.history": ["mcp_server.tools.history", *ANSWERING],
    "mcp_server.tools.kafka": [
        *("mcp_server.tools.kafka", "mcp_server.tools.breakers.rows", *ANSWERING)
    ],
    "mcp_server.tools.load_tests": ["mcp_server.tools.load_tests", *ANSWERING],
    "mcp_server.tools.merchants": ["mcp_server.tools.merchants", *ANSWERING],
    "mcp_server.tools.outbox": [
        *("mcp_server.tools.outbox", "mcp_server.tools.payments.filter", *ANSWERING)
    ],
    "mcp_server.tools.payments": [
        *("mcp_server.tools.payments", "mcp_server.tools.history.spans", *ANSWERING)
    ],
    "mcp_server.tools.prometheus": [
        *("mcp_server.tools.prometheus", "mcp_server.tools.breakers.failure_pattern", *ANSWERING)
    ],
    "mcp_server.tools": [*ANSWERING],
    "mcp_server": [
        *("mcp_server", "-mcp_server.tools", "monitor.config", "monitor.plugins"),
        *("monitor.text", *LIVE, *STORED),
    ],
    "demo.platform": ["demo.platform"],
    "demo.embedded": ["demo.embedded", "demo.platform"],
    "demo.real": ["demo.real", "demo.platform"],
    "demo.queries": ["demo.queries", "demo.platform"],
    "demo.processes": ["demo.processes", "demo.platform"],
    "demo.faults": ["demo.faults", "demo.processes", "demo.platform"],
    "demo.api": ["demo", "-demo.embedded", "-demo.real"],
    "demo": ["demo", "-demo.api", "-demo.real"],
}
# Libraries that one part owns.
OWNERS = {
    "slack_sdk": ["monitor.notifiers"],
    "apscheduler": ["monitor"],
    "alembic": ["monitor.store"],
    "sqlmodel": ["monitor.store"],
    "jinja2": ["monitor", "demo"],
    "mcp": ["mcp_server"],
    "typer": ["monitor.cli*"],
    "sqlalchemy": [
        "monitor.store",
        "checks.sources",
        "checks.invariants",
        "checks.settlement_file.staging",
    ],
    "sqlite3": ["monitor.store", "checks.sources", "checks.settlement_file.staging", "demo"],
}
