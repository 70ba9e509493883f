"""report.html as the tests read it: conftest.py loads this file by its path."""

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Elements and text of a page, the titles of its sections and the drawings in each.

    `problems` are tags that do not match; `open` are those that were never closed.
    """

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.problems, self.text = [], [], [], []
        self.titles, self.drawings = [], {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "h2":
            self.titles.append("")
        if tag == "svg" and dict(attrs).get("role") == "img":
            kind = dict(attrs)["class"].split()[1]
            self.drawings.setdefault(self.titles[-1].strip(), []).append(kind)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(tag)

    def handle_data(self, data):
        inside = self.open[-1] if self.open else ""
        if inside not in ("style", "script"):
            self.text.append(data)
        if inside == "h2":
            self.titles[-1] += data

    def named(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def words(self):
        return re.sub(r"\s+", " ", "".join(self.text))
