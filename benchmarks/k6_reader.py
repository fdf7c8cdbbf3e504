"""What reading k6's single samples costs: lines a second, memory, and how close the quantiles are.

Run it as `python benchmarks/k6_reader.py [--requests 20000,200000]`. It writes `--out json` and
`--out csv` of so many requests (two endpoints, log-normal times, 9 metrics a request, as k6 does),
reads them back, and compares p95 with the exact one.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


METRICS = (
    *("http_reqs", "http_req_duration", "http_req_blocked", "http_req_connecting"),
    *("http_req_tls_handshaking", "http_req_sending", "http_req_waiting", "http_req_receiving"),
    "http_req_failed",
)
START = 1_795_379_621


def samples(requests: int) -> Iterator[tuple[str, int, float, str]]:
    """Metric, second, value and endpoint of every sample."""
    chance = random.Random(1)
    for number in range(requests):
        took = chance.lognormvariate(4, 0.6)
        values = (1.0, took, 0.01, 0.0, 0.0, 0.02, took * 0.9, took * 0.1, 0.0)
        name = "authorize" if number % 2 else "capture"
        for metric, value in zip(METRICS, values, strict=True):
            yield metric, START + number // 1000, value, name


def write_json(path: Path, requests: int) -> None:
    """As --out json."""
    with path.open("w") as file:
        for metric, at, value, name in samples(requests):
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + ".659471565Z"
            tags = {"expected_response": "true", "group": "", "method": "POST", "name": name,
                    "proto": "HTTP/1.1", "scenario": "default", "status": "200"}  # fmt: skip
            data = {"time": stamp, "value": value, "tags": tags}
            file.write(json.dumps({"metric": metric, "type": "Point", "data": data}) + "\n")


def write_csv(path: Path, requests: int) -> None:
    """As --out csv."""
    columns = ("metric_name,timestamp,metric_value,check,error,error_code,expected_response,group,"
               "method,name,proto,scenario,service,status,subproto,tls_version,url,extra_tags,"
               "metadata")  # fmt: skip
    with path.open("w") as file:
        file.write(columns + "\n")
        for metric, at, value, name in samples(requests):
            row = f"{metric},{at},{value:.6f},,,,true,,POST,{name},HTTP/1.1,default,,200,,,{name},,"
            file.write(row + "\n")


def measure(path: Path) -> dict[str, float]:
    """Read a file in a process of its own: seconds, megabytes at most, and the p95."""
    code = (
        "import resource, sys, time; sys.path.insert(0, sys.argv[2]); from pathlib import Path;"
        "from checks.k6.read import read_file;"
        "base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; t = time.perf_counter();"
        "r = read_file(Path(sys.argv[1])).result; took = time.perf_counter() - t;"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "print(took, (peak - base) / 1024, r.value('http_req_duration', 'p(95)'))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(path), str(ROOT)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return dict(zip(("seconds", "megabytes", "p95"), map(float, told), strict=True))


def exact_p95(requests: int) -> float:
    """As k6 itself reckons it."""
    ordered = sorted(v for metric, _, v, _ in samples(requests) if metric == "http_req_duration")
    rank = 0.95 * (len(ordered) - 1)
    low = math.floor(rank)
    return ordered[low] + (ordered[low + 1] - ordered[low]) * (rank - low)


def main() -> None:
    """A row for each shape and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", default="20000,200000")
    sizes = [int(size) for size in parser.parse_args().requests.split(",")]
    print("| shape | requests | file | lines/s | memory above the interpreter | p95 off by |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            exact = exact_p95(size)
            for shape, write in (("json", write_json), ("csv", write_csv)):
                path = Path(folder) / f"{size}.{shape}"
                write(path, size)
                found = measure(path)
                rate = size * len(METRICS) / found["seconds"]
                off = abs(found["p95"] / exact - 1)
                print(f"| {shape} | {size:,} | {path.stat().st_size / 1e6:.0f} MB | {rate:,.0f} |"
                      f" {found['megabytes']:.1f} MB | {100 * off:.2f} % |")  # fmt: skip
                path.unlink()


if __name__ == "__main__":
    main()
