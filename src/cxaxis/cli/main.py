"""Entry point of the ``cxaxis`` command and the one place where errors become exit codes.

Exit codes: 0 clean, 1 findings (failed patients, a check that found something, a part that is
not installed), 2 wrong use, 130 interrupted.
"""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line; never shows a traceback for a user's mistake."""
    try:
        code = _run()
    except KeyboardInterrupt:
        code = _complain("Interrupted.", code=INTERRUPTED)
    except ImportError as err:
        name = (err.name or str(err)).partition(".")[0]
        if name == "cxaxis":
            raise
        told = f"cxaxis: {name} cannot be imported ({err})."
        code = _complain(f"{told} `cxaxis doctor` says what is missing and how to get it.", code=1)
    sys.exit(code)


def _run() -> int:
    # Imported here: an interruption or a missing library is a message from the first line on.
    import typer

    from cxaxis.cli.app import USAGE_PROBLEM, app
    from cxaxis.cli.options import InterruptedRunError
    from cxaxis.core.errors import CxaxisError, UserInputError

    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:  # what the parser makes of Ctrl-C, without a word
            return _complain("Interrupted.", code=INTERRUPTED)
        return code if isinstance(code, int) else 0
    except typer.Exit as stop:
        return int(stop.exit_code)
    except typer.Abort:
        return _complain("Interrupted.", code=INTERRUPTED)
    except InterruptedRunError as err:
        return _complain(str(err), code=INTERRUPTED)
    except USAGE_PROBLEM as err:
        err.show()  # type: ignore[attr-defined]
        return 2
    except UserInputError as err:
        return _complain("\n".join(map(str, err.findings)), code=2)
    except CxaxisError as err:
        # A value that cannot be used is the user's; a worker that died is not.
        return _complain(f"cxaxis: {err}", code=2 if isinstance(err, ValueError) else 1)
    except OSError as err:
        where = err.filename or "cxaxis"
        cure = "Check the path, its permissions and the space left."
        return _complain(f"{where}  error  FILE001  {err.strerror or err}. {cure}", code=2)


def _complain(message: str, *, code: int) -> int:
    """Write a message to standard error, if there is one, and return the exit code."""
    if sys.stderr is not None:
        try:
            sys.stderr.write(f"{message}\n")
        except OSError:
            # Nobody listens; the interpreter must not say so again on its way out.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    return code


if __name__ == "__main__":
    main()
