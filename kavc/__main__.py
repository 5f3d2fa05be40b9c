"""`python -m kavc` is the command `kavc`."""

from __future__ import annotations

from kavc.cli.main import main

if __name__ == "__main__":
    main()
