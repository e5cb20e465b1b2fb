"""What holds for all tests."""

from hypothesis import settings

# A slow moment of a shared machine is no finding: timings belong into the benchmarks.
settings.register_profile("project", deadline=None)
settings.load_profile("project")
