"""Never deployed: simulators of both systems, a local Functions host, sample data, the demo."""
