"""The figures of the report: one small module each, drawn by matplotlib, written as SVG by `svg`.

matplotlib is imported inside functions alone: what only reads the library never loads it.
"""
