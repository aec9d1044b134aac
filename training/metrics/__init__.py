"""Local `evaluate.Metric` modules for speech emotion recognition."""
