#!/bin/sh
# Prints the path of a Python 3.11 or newer that can make virtual environments, or says what is
# missing and exits 1. $PYTHON, when set, is the only candidate.

needs='import sys; sys.exit(sys.version_info < (3, 11))'
makes_environments='import ensurepip, venv'

if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
else
    set -- python3.13 python3.12 python3.11 python3 python
fi

too_bare=
seen=
for candidate in "$@"; do
    path=$(command -v "$candidate" 2>/dev/null) || continue
    version=$("$path" -I -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) ||
        continue
    if ! "$path" -I -c "$needs" 2>/dev/null; then
        seen="$seen $path ($version)"
        continue
    fi
    if "$path" -I -c "$makes_environments" 2>/dev/null; then
        printf '%s\n' "$path"
        exit 0
    fi
    too_bare="$path ($version)"
done

if [ -n "$too_bare" ]; then
    short=$(printf '%s' "$too_bare" | sed 's/.*(\([0-9]*\.[0-9]*\).*/\1/')
    cat >&2 <<MESSAGE
cxaxis: $too_bare cannot make virtual environments: its 'venv' or 'ensurepip' module is missing.
        Debian and Ubuntu: sudo apt install python$short-venv
        or name another Python: make demo PYTHON=/path/to/python3
MESSAGE
elif [ -n "${PYTHON:-}" ]; then
    cat >&2 <<MESSAGE
cxaxis: PYTHON=$PYTHON is not a Python 3.11 or newer.${seen:+ Found:$seen.}
        Give the path of one, or leave PYTHON out to search for it.
MESSAGE
else
    cat >&2 <<MESSAGE
cxaxis: needs Python 3.11 or newer, and none is on the PATH.${seen:+ Found only:$seen.}
        Install it (Debian and Ubuntu: sudo apt install python3 python3-venv; macOS: brew install
        python@3.12), or name one: make demo PYTHON=/path/to/python3
MESSAGE
fi
exit 1
