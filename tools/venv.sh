#!/bin/sh
# Makes a virtual environment with the first Python that is new enough: sh tools/venv.sh FOLDER
set -eu

folder="$1"
for python in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3}; do
    if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "Making $folder with $("$python" --version) ($python)."
        exec "$python" -m venv --clear "$folder"
    fi
done

echo "No Python of 3.11 or later with its venv module was found." >&2
echo "Fix: install one (on Debian or Ubuntu: apt-get install python3.11 python3.11-venv)," >&2
echo "     or name it: make test PYTHON=/path/to/python3.11" >&2
exit 1
