"""Load-test runs against their own past: what is worse, what is chance, and what is learnt."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from monitor.domain.detection.ddsketch import Comparison
from monitor.domain.detection.rule import Shape
from monitor.domain.detection.runs import Run, judge_run, judge_runs

METRIC = "http_req_duration{name:pay}"
REGRESSION, IMPROVEMENT, SAME = Comparison.REGRESSION, Comparison.IMPROVEMENT, Comparison.SAME
FEW = Comparison.NOT_ENOUGH_HISTORY


def trend(scale: float, seed: int = 0) -> dict[str, float]:
    """The statistics of a latency around 20 ms, with a few percent of noise."""
    noise = random.Random(seed)
    shape = {"min": 9, "med": 20, "avg": 21, "p(90)": 30, "p(95)": 34, "p(99)": 42, "max": 60}
    common = scale * (1 + noise.gauss(0, 0.03))
    return {name: value * common * (1 + noise.gauss(0, 0.01)) for name, value in shape.items()}


def runs(scales: Sequence[float]) -> list[Run]:
    return [{METRIC: trend(scale, seed)} for seed, scale in enumerate(scales)]


def words(scales: Sequence[float], statistic: str = "p(95)") -> list[Comparison]:
    return [found[METRIC][statistic].word for found in judge_runs(runs(scales))]


def test_the_first_runs_say_how_many_more_are_needed():
    found = [each[METRIC]["med"] for each in judge_runs(runs([1.0] * 6))]
    assert [ruling.word for ruling in found] == [FEW] * 5 + [SAME]
    assert [ruling.needs_more for ruling in found] == [5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("more", [1.2, 1.3, 1.5, 2.0], ids=str)
def test_a_lasting_slow_down_is_found_by_its_second_run(more):
    found = words([1.0] * 10 + [more] * 6)
    assert found[:10] == [FEW] * 5 + [SAME] * 5
    assert found[11:] == [REGRESSION] * 5


def test_a_step_far_beyond_a_calm_past_is_found_although_its_tail_varies():
    def calm(scale: float, tail: float) -> Run:
        return {
            METRIC: {
                "med": 303 * scale,
                "avg": 305 * scale,
                "p(90)": 308 * tail,
                "p(95)": 311 * tail,
            }
        }

    past = [calm(1 + 0.002 * (number % 3), 1 + 0.005 * (number % 2)) for number in range(9)]
    found = judge_runs([*past, calm(1.3, 1.33), calm(1.307, 1.46)])
    assert [each[METRIC]["med"].word for each in found[8:]] == [SAME, SAME, REGRESSION]


def test_a_single_slow_run_is_a_spike_and_no_regression():
    found = [each[METRIC]["p(95)"] for each in judge_runs(runs([1.0] * 10 + [2.0] + [1.0] * 4))]
    assert {ruling.word for ruling in found[5:]} == {SAME}
    assert found[10].shape is Shape.SPIKE
    assert (found[10].reason, found[10].needs_more) == ("one_run_apart", 1)


def test_two_slow_runs_that_differ_much_are_no_new_level():
    assert words([1.0] * 10 + [2.0, 1.5] + [1.0] * 4)[10:] == [SAME] * 6


def test_a_slow_down_of_a_tenth_is_found_in_time():
    assert REGRESSION in words([1.0] * 12 + [1.1] * 5)[12:]


def test_a_regression_that_lasts_never_becomes_the_baseline():
    found = [each[METRIC]["p(95)"] for each in judge_runs(runs([1.0] * 10 + [1.4] * 60))]
    assert {ruling.word for ruling in found[12:]} == {REGRESSION}
    assert found[-1].before == pytest.approx(34, rel=0.05)
    assert found[-1].change == pytest.approx(0.4, abs=0.15)


def test_a_slow_drift_is_told_as_such():
    scales = [1.0] * 12 + [1 + 0.04 * n for n in range(1, 12)]
    found = [each[METRIC]["med"] for each in judge_runs(runs(scales))]
    assert found[-1].word is REGRESSION
    assert Shape.DRIFT in [ruling.shape for ruling in found if ruling.word is REGRESSION]


def test_a_step_is_told_as_such():
    found = [each[METRIC]["med"] for each in judge_runs(runs([1.0] * 12 + [1.5] * 8))]
    assert {ruling.shape for ruling in found[13:]} == {Shape.STEP}


def test_an_improvement_becomes_the_baseline_once_it_has_lasted():
    found = words([1.0] * 10 + [0.7] * 10 + [1.0] * 3)
    assert found[11:16] == [IMPROVEMENT] * 5
    assert found[18] is SAME
    assert found[-1] is REGRESSION


def test_noise_alone_is_no_regression():
    noise = random.Random(4)
    scales = [1 + noise.gauss(0, 0.08) for _ in range(200)]
    assert words(scales).count(REGRESSION) <= 2


def test_a_statistic_that_did_not_move_along_is_the_same():
    slow = [{METRIC: {**trend(1.5, seed), "min": 9.0}} for seed in range(10, 14)]
    found = judge_runs([*runs([1.0] * 10), *slow])[-1][METRIC]
    assert found["p(95)"].word is REGRESSION
    assert (found["min"].word, found["min"].reason) == (SAME, "others_moved")


def test_a_tail_alone_can_be_worse():
    slow = [{METRIC: {**trend(1.0, seed), "p(99)": 90.0}} for seed in range(10, 14)]
    found = judge_runs([*runs([1.0] * 10), *slow])[-1][METRIC]
    assert found["p(99)"].word is REGRESSION
    assert found["med"].word is SAME


@pytest.mark.parametrize(
    ("metric", "statistic", "before", "after", "word"),
    [
        ("http_req_failed", "value", 0.0, 0.08, REGRESSION),
        ("http_req_failed", "rate", 0.08, 0.0, IMPROVEMENT),
        ("http_req_failed", "value", 0.0, 0.004, SAME),
        ("checks", "value", 1.0, 0.9, REGRESSION),
        ("http_reqs", "rate", 100.0, 70.0, REGRESSION),
        ("http_reqs", "rate", 100.0, 130.0, IMPROVEMENT),
        ("dropped_iterations", "count", 0.0, 40.0, REGRESSION),
        ("http_req_blocked", "avg", 0.001, 0.004, SAME),
        ("http_req_duration", "avg", 20.0, 30.0, REGRESSION),
    ],
    ids=str,
)
def test_each_metric_has_its_own_worse_direction_and_smallest_effect(
    metric, statistic, before, after, word
):
    made = [{metric: {statistic: before}}] * 8 + [{metric: {statistic: after}}] * 4
    assert judge_runs(made)[-1][metric][statistic].word is word


def test_what_has_no_worse_direction_is_not_judged():
    made: list[Run] = [{"data_sent": {"count": 10.0, "rate": 3.0}, "vus": {"value": 3.0}}] * 9
    assert judge_runs(made)[-1] == {}


def test_one_run_is_judged_as_the_whole_series_judges_it():
    made = runs([1.0] * 10 + [1.5] * 3)
    assert judge_run(made[-1], made[:-1]) == judge_runs(made)[-1]


def test_a_metric_that_some_runs_lack_is_judged_by_those_that_have_it():
    made = runs([1.0] * 12)
    made[4:6] = [{}, {}]
    found = judge_runs(made)
    assert found[4] == {}
    assert found[-1][METRIC]["med"].word is SAME


def test_runs_with_other_statistics_are_compared_by_those_they_share():
    old: list[Run] = [{METRIC: {"avg": 20.0 + n % 3, "p(95)": 34.0}} for n in range(8)]
    found = judge_runs([*old, *runs([1.5] * 3)])[-1][METRIC]
    assert found["avg"].word is REGRESSION
    assert found["med"].word is FEW
