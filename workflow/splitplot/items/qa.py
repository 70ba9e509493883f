"""What kind of question an item is: with a passage or without, answerable or not, scored by which rule."""

from typing import Literal

from splitplot.items.item import Item

Kind = Literal["open_book", "closed_book"]
DEFAULT_RULE = "squad2"
"""The rule of items that name none: the plainest of the official ones."""


def kind_of(item: Item) -> Kind:
    """`open_book` where the item has a passage to answer from, else `closed_book`."""
    return "closed_book" if item.context is None else "open_book"


def is_answerable(item: Item) -> bool:
    """Whether there is a right answer: an item without targets has none."""
    return bool(item.targets)


def rule_of(item: Item) -> str:
    """The official scoring rule that the item's data set came with; `squad2` where it names none."""
    return str(item.metadata.get("rule", DEFAULT_RULE))
