"""What an operator does with the assets: backfill them, check the providers, look at the rows."""
