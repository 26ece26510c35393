#!/bin/sh
# Pins what a fresh install of Bedside and its development tools resolves to: sh tools/lock.sh FILE
set -eu

target="$1"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

sh tools/venv.sh "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet -e ".[dev]"
{
    echo "# What a fresh install resolves to, on $("$scratch/venv/bin/python" --version). Written by 'make lock'."
    "$scratch/venv/bin/python" -m pip freeze --exclude-editable --exclude bedside
} > "$scratch/constraints.txt"
mv "$scratch/constraints.txt" "$target"
echo "Pinned $(grep -c == "$target") packages in $target."
