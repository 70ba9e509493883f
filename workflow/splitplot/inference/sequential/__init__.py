"""Inference that stays valid however often the data are looked at. Functions over arrays but for `looks`."""
