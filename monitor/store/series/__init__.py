"""What was measured: readings and histograms of every series."""
