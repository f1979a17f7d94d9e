"""Jobs that an operator starts by hand, one module per job."""
