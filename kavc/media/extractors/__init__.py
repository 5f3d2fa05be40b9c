"""Extractors: from media files to the features of published networks."""
