"""Joint resampling of many columns at once: bootstrap weights, sign flips, simultaneous intervals."""
