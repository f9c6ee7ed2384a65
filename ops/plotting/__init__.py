"""Pictures of patterns, answers and drifts; the only place that imports matplotlib."""
