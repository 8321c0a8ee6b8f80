"""What pyproject.toml cannot say: building leaves nothing in the checkout, and finds nothing old.

A wheel takes all that lies in ``build/lib``, so a folder that stays would bring back what has been
renamed since, and ``build`` is what the project's own commands write to.
"""

import atexit
import tempfile

from setuptools import setup

folder = tempfile.TemporaryDirectory(prefix="ffp8-build-")
atexit.register(folder.cleanup)
setup(options={"build": {"build_base": folder.name}, "egg_info": {"egg_base": folder.name}})
