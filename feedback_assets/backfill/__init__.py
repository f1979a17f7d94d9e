"""A backfill on the command line: its plan, its runs, its progress and its outcome."""
