"""Asset checks that run after every build of a table."""
