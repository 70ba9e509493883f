"""The sections of the report, one module each: from inference.json to sentences, figure and tables.

Each has `section(...)`, which is None where the study has nothing for it: no heading stays empty.
"""
