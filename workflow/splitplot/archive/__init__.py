"""One file of a finished study, that can be checked, read and made a report of anywhere.

contents: what is in it, and whether the study is fit for it; slices: the answers from the ledger;
pack, unpack: the file itself; agreement: the table against the answers; rebuild: the report from it alone.
"""

from splitplot.archive.make import make_archive
from splitplot.archive.rebuild import rebuild
from splitplot.archive.verify import verify

__all__ = ["make_archive", "rebuild", "verify"]
