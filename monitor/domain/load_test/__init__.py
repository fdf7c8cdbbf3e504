"""Load tests: results, validity, comparison, advice."""
