import hashlib
import json
import subprocess
import sys
from enum import StrEnum
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coldstart.common.errors import ColdstartError
from coldstart.store import FORMAT, Identity, Reference, canonical_json, digest

SOURCE = Identity("source", {"digest": "00ff"}, {}, "")
ENCODER = Identity("pretrain", {"lr": 0.1, "epochs": 2, "ops": ["crop", None]}, {"x": SOURCE}, "cc")


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_keys_equal_golden_ones():
    # If these change, every stored artefact is lost to its users: raise FORMAT, and know why.
    assert FORMAT == 1
    assert SOURCE.key == "9d1e6820629b3cfabce50ce68f0f06cf4eef4b884221602a976d0ae3c7395c5f"
    assert ENCODER.key == "c578ea9aceac426bbbefc378506d7855e55ce7ccdc3d1fc719905da0229107e9"
    assert ENCODER.recipe_key == "b5da6c3aa455128d22c372291ffb7ee864c28f667d04d8c4cd3a1859e7ebdd56"


def test_key_is_the_hash_of_a_canonical_text():
    source = sha('{"code":"","format":1,"inputs":{},"recipe":{"digest":"00ff"},"stage":"source"}')
    recipe = '"recipe":{"epochs":2,"lr":0.1,"ops":["crop",null]},"stage":"pretrain"}'
    assert SOURCE.key == source
    assert ENCODER.key == sha(f'{{"code":"cc","format":1,"inputs":{{"x":"{source}"}},{recipe}')
    plain = sha('{"format":1,"inputs":{},"recipe":{"digest":"00ff"},"stage":"source"}')
    assert ENCODER.recipe_key == sha(f'{{"format":1,"inputs":{{"x":"{plain}"}},{recipe}')


def test_every_part_of_an_identity_changes_the_key():
    changed = [
        Identity("embed", ENCODER.recipe, ENCODER.inputs, ENCODER.code),
        Identity(ENCODER.stage, {**ENCODER.recipe, "epochs": 3}, ENCODER.inputs, ENCODER.code),
        Identity(ENCODER.stage, {**ENCODER.recipe, "epochs": 2.0}, ENCODER.inputs, ENCODER.code),
        Identity(ENCODER.stage, {**ENCODER.recipe, "more": None}, ENCODER.inputs, ENCODER.code),
        Identity(ENCODER.stage, ENCODER.recipe, {"y": SOURCE}, ENCODER.code),
        Identity(ENCODER.stage, ENCODER.recipe, {}, ENCODER.code),
        Identity(
            ENCODER.stage,
            ENCODER.recipe,
            {"x": Identity("source", {"digest": "00fe"}, {}, "")},
            ENCODER.code,
        ),
    ]
    assert len({i.key for i in [ENCODER, *changed]}) == 1 + len(changed)
    assert len({i.recipe_key for i in [ENCODER, *changed]}) == 1 + len(changed)


def test_code_is_in_the_key_and_not_in_the_recipe_key_at_any_depth():
    source = Identity("source", SOURCE.recipe, {}, "edited")
    own = Identity(ENCODER.stage, ENCODER.recipe, ENCODER.inputs, "edited")
    upstream = Identity(ENCODER.stage, ENCODER.recipe, {"x": source}, ENCODER.code)
    assert len({ENCODER.key, own.key, upstream.key}) == 3
    assert ENCODER.recipe_key == own.recipe_key == upstream.recipe_key
    assert ENCODER.recipe_key not in {ENCODER.key, own.key, upstream.key}


def test_order_does_not_matter_and_equal_keys_are_equal_identities():
    recipe = dict(reversed(ENCODER.recipe.items()))
    twin = Identity("pretrain", MappingProxyType(recipe), {"x": SOURCE}, "cc")
    assert twin == ENCODER
    assert len({twin, ENCODER}) == 1
    assert ENCODER != SOURCE


def test_input_may_be_given_by_its_keys_alone():
    inputs = {"x": Reference(SOURCE.key, SOURCE.recipe_key)}
    twin = Identity(ENCODER.stage, ENCODER.recipe, inputs, ENCODER.code)
    assert (twin.key, twin.recipe_key) == (ENCODER.key, ENCODER.recipe_key)


def test_a_later_change_to_the_recipe_does_not_reach_the_identity():
    recipe = {"ops": ["crop"]}
    identity = Identity("pretrain", recipe, {}, "cc")
    recipe["ops"].append("flip")
    assert identity.recipe == {"ops": ["crop"]}
    assert identity.key == Identity("pretrain", {"ops": ["crop"]}, {}, "cc").key


class Colour(StrEnum):
    GREY = "grey"


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        {1},
        b"x",
        np.float64(0.1),
        np.int64(1),
        Colour.GREY,
    ],
)
def test_value_without_a_json_form_is_an_error_that_names_its_path(value):
    with pytest.raises(ColdstartError, match=r"recipe of pretrain\.ops\[1\]\.p"):
        Identity("pretrain", {"ops": [{}, {"p": value}]}, {}, "cc")


def test_mapping_keys_that_are_no_text_are_refused():
    with pytest.raises(ColdstartError, match="1 is not text"):
        Identity("pretrain", {"ops": {1: 2}}, {}, "cc")


def test_numbers_of_other_types_or_signs_are_different():
    texts = [canonical_json(value) for value in (1, 1.0, True, "1", 0, 0.0, -0.0, False)]
    assert texts == ["1", "1.0", "true", '"1"', "0", "0.0", "-0.0", "false"]


def test_tuples_are_lists_and_text_is_ascii():
    assert canonical_json(("é", [])) == '["\\u00e9",[]]'


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=50, deadline=None)
@given(JSON)
def test_recipe_read_from_a_manifest_has_the_same_digest(value):
    assert digest(json.loads(json.dumps(value, indent=2))) == digest(value)


def test_nothing_heavy_is_imported():
    code = (
        "import sys, coldstart.store, coldstart.planning.fingerprint, coldstart.cli\n"
        "print({'torch', 'numpy', 'pandas', 'pydantic'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
