#!/bin/sh
# The rehearsed year of the sepsis model: docs/rehearsal.md is written whatever the year showed, and
# the exit status is that of the rehearsal.
set -eu
bedside=$1
data=$2
scratch=$(mktemp -d)
status=0
"$bedside" rehearse early_warning --plan usecases/early_warning/rehearsal.yaml \
  --data "$data" --to "$scratch/year" || status=$?
cp "$scratch/year/reports/rehearsal-early_warning.md" docs/rehearsal.md
echo "The page, the ledger and the reports lie in $scratch/year."
exit "$status"
