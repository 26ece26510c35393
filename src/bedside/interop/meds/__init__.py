"""MEDS 0.4: the column rules of the Medical Event Data Standard, and what it cannot say."""
