"""Write the committed ledger, or check it.

``python -m cxaxis.claims.generate`` measures every check, the slow ones included, and writes
judgements and verdicts; ``--check`` measures the fast ones and exits 1 if a verdict has clearly
changed or a slow result is of other inputs.
"""

from __future__ import annotations

import logging
import sys

from cxaxis.claims.committed import (
    JUDGEMENTS_FILE,
    VERDICTS_FILE,
    generated_folder,
    judgements_text,
    verdicts_text,
)
from cxaxis.claims.ledger import judge_checks, ledger_of, shipped_knowledge
from cxaxis.claims.run import (
    plan_ledger,
    run_ledger,
    stamped,
)
from cxaxis.core.errors import Severity
from cxaxis.runs.progress import ProgressBar


def main(arguments: list[str]) -> int:
    """Write or check the committed ledger; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    checking = "--check" in arguments
    knowledge = shipped_knowledge()
    plan = plan_ledger(knowledge, slow=not checking)
    with ProgressBar("Judging claims", total=plan.work) as progress:
        if checking:
            run = run_ledger(plan, progress=progress)
            for finding in run.findings:
                sys.stderr.write(f"{finding}\n")
            return int(any(item.severity is Severity.ERROR for item in run.findings))
        judgements = stamped(judge_checks(plan.measured, knowledge, progress=progress), knowledge)
    ledger = ledger_of(plan.claims, judgements, knowledge)
    folder = generated_folder()
    folder.mkdir(exist_ok=True)
    for name, text in (
        (JUDGEMENTS_FILE, judgements_text(judgements)),
        (VERDICTS_FILE, verdicts_text(ledger)),
    ):
        (folder / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{folder / name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
