"""Servers for tests: each module starts and stops one."""
