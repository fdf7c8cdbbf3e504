"""What is asked of the rows of the stand-in platform: searches, counts, the books."""
