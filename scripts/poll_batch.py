"""Wait for the provider batch of one part, record its answers in the ledger; write ended.json."""

from splitplot.calls.batch.part import poll
from splitplot.calls.batch.script import run_script
from splitplot.door import open_door

if __name__ == "__main__":
    open_door(lambda: run_script(__doc__, poll))
