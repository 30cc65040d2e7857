"""Write the ledger page of the committed results, or check that the one in a folder is fresh.

``python -m cxaxis.report.ledger_docs docs`` writes ``ledger.html`` and ``ledger.md``; with
``--check`` it compares and exits 1 if one is stale. Nothing is measured.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cxaxis.claims.run import committed_ledger
from cxaxis.report.ledger_page import ledger_html, ledger_markdown

COMMAND = "make ledger"


def main(arguments: list[str]) -> int:
    """Write or check the pages; return the exit code."""
    folder = Path(next((item for item in arguments if not item.startswith("--")), "docs"))
    run = committed_ledger()
    stale = []
    for name, text in (
        ("ledger.html", ledger_html(run)),
        ("ledger.md", ledger_markdown(run)),
    ):
        path = folder / name
        if "--check" in arguments:
            if not path.is_file() or path.read_text("utf-8") != text:
                stale.append(path)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path}\n")
    for path in stale:
        sys.stderr.write(f"{path} is stale. Run: {COMMAND}\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
