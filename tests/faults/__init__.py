"""The crash sweep and the other reliability tables: `make faults` runs all of it, `make test` a sample."""
