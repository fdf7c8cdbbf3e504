"""Load tests with k6: its process, its results, its scenarios."""
