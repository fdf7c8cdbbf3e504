"""Named timelines, and the messages that they bring: tests/scenarios, to be read by a person."""

import pytest
from scenario import Scenario, said, scenarios
from timeline_oracle import judge
from timeline_run import run


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario.name)
def test_a_scenario_brings_the_messages_that_are_written_down(scenario: Scenario):
    assert said(scenario.timeline) == list(scenario.messages)


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario.name)
def test_no_scenario_breaks_a_rule_of_telling(scenario: Scenario):
    violations, *_ = judge(scenario.timeline, run(scenario.timeline))
    assert violations == []
