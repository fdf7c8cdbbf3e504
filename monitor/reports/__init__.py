"""Reports: built from the store, compared with earlier periods, sent once a day."""
