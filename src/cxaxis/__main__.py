"""``python -m cxaxis``: the same as the command ``cxaxis``."""

from cxaxis.cli.main import main

if __name__ == "__main__":
    main()
