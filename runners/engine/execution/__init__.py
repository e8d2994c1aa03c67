"""Execution of work in this process, in worker processes or on a Dask cluster, and checkpoints of finished work."""
