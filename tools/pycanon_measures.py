"""Measures of a table by pycanon, for comparison; run it with the Python of .venv-pycanon.

    .venv-pycanon/bin/python tools/pycanon_measures.py TABLE.csv a,b,c sensitive

It prints one JSON document: k, distinct l, entropy l, t.
"""

import json
import sys

import pandas as pd
from pycanon import anonymity


def main() -> None:
    """Read the table that is named, and print what pycanon makes of it."""
    table, quasi, sensitive = sys.argv[1:4]
    data, columns = pd.read_csv(table), quasi.split(",")
    told = {
        "k": anonymity.k_anonymity(data, columns),
        "distinct_l": anonymity.l_diversity(data, columns, [sensitive]),
        "entropy_l": anonymity.entropy_l_diversity(data, columns, [sensitive]),
        "t": anonymity.t_closeness(data, columns, [sensitive]),
    }
    print(json.dumps({name: float(value) for name, value in told.items()}))


if __name__ == "__main__":
    main()
