"""Create the provider batch of one part, as far as the ledger has no answers; write job.json."""

from splitplot.calls.batch.part import submit
from splitplot.calls.batch.script import run_script
from splitplot.door import open_door

if __name__ == "__main__":
    open_door(lambda: run_script(__doc__, submit))
