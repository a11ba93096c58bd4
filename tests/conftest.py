"""What holds for every test: shapes and types are checked, and JAX stays on the CPU."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

from jaxtyping import install_import_hook

install_import_hook("turret", "beartype.beartype")
