"""splitplot: from one YAML study of language models to one report."""

__version__ = "0.5.0"
