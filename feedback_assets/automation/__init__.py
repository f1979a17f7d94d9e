"""Schedules and sensors that keep the tables up to date, and the pools that bound their runs."""
