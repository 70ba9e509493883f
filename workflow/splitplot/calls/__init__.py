"""Requests, the ledger of everything ever paid for, and the routes by which a request travels."""
