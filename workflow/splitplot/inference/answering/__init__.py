"""Answering, abstaining and answering falsely: what each condition does, and what its prompt costs."""
