"""The statistics of the channel scorecard: intervals, tests, ranking, findings; no data, no I/O."""
