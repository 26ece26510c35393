"""Making and judging models: training, evaluation, explanation."""
