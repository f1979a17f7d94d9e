"""How many worlds the property tests try: 15 locally, 200 with HYPOTHESIS_PROFILE=ci."""

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

# So that these tests can import the worlds and the reference, however pytest is started.
sys.path.insert(0, str(Path(__file__).parents[2]))

_COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("transforms", max_examples=15, **_COMMON)
settings.register_profile("ci", max_examples=200, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "transforms"))
