"""What passes of checks leave behind."""
