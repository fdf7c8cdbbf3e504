"""A sentence about payments, English or Korean, read word by word or refused."""
