"""Provider batches: half price, hours of waiting, and never bought twice.

`protocol` is what a provider module offers, one module per provider; `store` keeps on disk what is
known of every batch; `part` takes the requests of a part through submit and poll.
"""
