"""Two brands of one agency, and a table over both."""
