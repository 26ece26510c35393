"""Settings in, a working platform out: the only place that names an adapter."""
