"""Before the data: what a study could conclude, from assumed or pilot variances. Sends and asks nothing."""
