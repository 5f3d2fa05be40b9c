"""Nothing to collect: imported once more, for doctests, the network's class would be two."""

collect_ignore = ["small.py", "system.py"]
