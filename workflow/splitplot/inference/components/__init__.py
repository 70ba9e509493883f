"""Where the variance of the scores comes from, and what that says about the next study."""
