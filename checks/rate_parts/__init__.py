"""What the check of the rate limits remembers: the requests that were refused with 429."""
