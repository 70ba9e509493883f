"""The chapters of inference.json, one module each: from `StudyData` to plain values and flags."""
