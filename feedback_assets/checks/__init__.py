"""What must hold of the tables after every run, as asset checks."""
