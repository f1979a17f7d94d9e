"""What the scorecard of channels says: intervals, tests, order, findings; no data, no I/O."""
