"""Published networks that hear and see, each beside the loaders of its published formats."""
