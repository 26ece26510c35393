"""The program by which an auditor checks a ledger without Bedside; it goes with every export."""
