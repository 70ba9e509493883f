"""Items: from files, the Hugging Face hub, official formats and generators to one table per study."""

from splitplot.items.load import is_remote, load_items
from splitplot.items.table import read_items, write_items

__all__ = ["is_remote", "load_items", "read_items", "write_items"]
