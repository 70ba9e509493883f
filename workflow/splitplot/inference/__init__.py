"""Estimates, intervals, tests and the words for them. Functions over arrays; only `summary` reads a file."""
