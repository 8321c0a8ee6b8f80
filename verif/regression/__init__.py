"""The regression runner: what pytest does not do by itself.

`plugin` hooks the rest into pytest: seeds, replay lines, and a record that holds what has
finished at any moment. ``python -m verif.regression`` is the front door: sim, test and soak.
"""
