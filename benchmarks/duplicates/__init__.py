"""How many duplicates the sweep finds, in a made tenant in which they are known.

`python -m benchmarks.duplicates` makes the tenant, sweeps it as the worker does, and prints
precision and recall by kind of duplicate.
"""
