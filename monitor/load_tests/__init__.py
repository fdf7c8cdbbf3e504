"""Load tests: run, watched, judged, reported."""
