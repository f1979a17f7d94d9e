"""What an operator starts by hand, one module a job."""
