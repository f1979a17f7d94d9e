"""What a table is: its columns, its types, and the rules that SQL and Python share."""
