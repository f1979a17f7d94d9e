"""NPS answers, orders and attribution of five providers as daily Parquet."""
