"""Mutation testing: small changes of the design, of which the benches must notice every one.

Mutants are made in the source (`source`) and in the netlist (`netlist`). A bench that fails kills
a mutant; one that no bench kills is equivalent if SAT proves it (`equivalence`), else a survivor.
"""
