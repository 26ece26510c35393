"""The question: who is asked about, when, and what came true; splits; the leakage audit."""
