"""Write the page of Figure 1, or check that the one in a folder is fresh.

``python -m cxaxis.report.pathway_docs docs`` writes ``figure1.html`` and ``figure1.md``; with
``--check`` it compares and exits 1 if one is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cxaxis.report.pathway_page import pathway_html, pathway_markdown, pathway_page

COMMAND = "python -m cxaxis.report.pathway_docs docs"


def main(arguments: list[str]) -> int:
    """Write or check the pages; return the exit code."""
    folder = Path(next((item for item in arguments if not item.startswith("--")), "docs"))
    page = pathway_page()
    stale = []
    for name, text in (
        ("figure1.html", pathway_html(page)),
        ("figure1.md", pathway_markdown(page)),
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
