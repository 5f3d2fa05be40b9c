"""Runs `kavc` in a process that may write no file larger than so many bytes.

python small_files.py BYTES WORD...
"""

import resource
import sys

if __name__ == "__main__":
    from kavc.cli.main import main

    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
    sys.argv[1:] = sys.argv[2:]
    main()
