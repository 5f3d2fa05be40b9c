"""Files that come from outside: what they claim is checked before it is believed."""
