"""splitplot: from one YAML study of language models to one report."""

__version__ = "0.4.0"
