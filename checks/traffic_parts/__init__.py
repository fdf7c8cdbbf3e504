"""What the check of traffic judges: rates and latencies."""
