"""What is watched on the payment platform, one check per file, each ending in CHECK."""
