"""Every operator that is imported, in each version of its schema since opset 7, in each form."""

from functools import cache

import onnx
import pytest

from model.graph.importing.network import PREPARED, load_network
from model.graph.importing.opsets import OLDEST
from model.graph.importing.translation import TRANSLATIONS
from tests.graph.float_execution import assert_same_function
from tests.graph.importing.forms.arrangements import ARRANGEMENTS
from tests.graph.importing.forms.form import Form
from tests.graph.importing.forms.layers import LAYERS
from tests.graph.importing.forms.reductions import REDUCTIONS
from tests.graph.importing.forms.values import VALUES
from tests.graph.tiny_networks import KERNEL, operator, write_network

FORMS = [*VALUES, *ARRANGEMENTS, *REDUCTIONS, *LAYERS]


@cache
def versions(kind: str) -> list[int]:
    """Return the opsets from 7 on that begin a version of an operator's schema."""
    since = {
        max(schema.since_version, OLDEST)
        for schema in onnx.defs.get_all_schemas_with_history()
        if schema.name == kind and schema.domain == ""
    }
    return sorted(since)


CASES = [
    (form, opset)
    for form in FORMS
    for opset in versions(form.kind)
    if form.first <= opset <= form.last
]


def test_every_version_of_every_operator_has_a_case():
    known = {*TRANSLATIONS, *PREPARED}
    wanted = {(kind, opset) for kind in known for opset in versions(kind)}
    assert len(wanted) > len(known)
    assert {(form.kind, opset) for form, opset in CASES} == wanted


def test_every_form_has_a_case():
    names = [str(form) for form in FORMS]
    assert sorted(set(names)) == sorted(names)
    assert set(names) == {str(form) for form, _ in CASES}


@pytest.mark.parametrize(("form", "opset"), CASES, ids=[f"{form}-{opset}" for form, opset in CASES])
def test_form_equals_onnxruntime(tmp_path, form: Form, opset: int):
    path = write_network(
        tmp_path / "form.onnx",
        [operator("Conv", "x w", "c", pads=[1, 1, 1, 1]), *form.operators],
        {"w": KERNEL, **form.constants},
        shape=(form.batch, 2, 8, 9),
        opset=opset,
    )
    if form.refused:
        with pytest.raises(ValueError, match=form.refused):
            load_network(path)
    else:
        assert_same_function(path)
