import hashlib
import shutil

import pytest

from coldstart.common.errors import ColdstartError
from coldstart.config.load import load
from coldstart.config.recipes.learners.base import learning_module
from coldstart.planning.fingerprint import (
    INFRASTRUCTURE,
    PACKAGE,
    classes_of,
    fingerprint,
    modules_of,
    source_digest,
)

PARTS = {
    "__init__.py": '"""Package."""\n',
    "common/__init__.py": "",
    "common/errors.py": "class ColdstartError(Exception): ...\n",
    "config/__init__.py": "",
    "config/model.py": "size = 1\n",
    "store/__init__.py": "from coldstart.unrelated import x\n",
    "store/objects.py": "",
    "unrelated.py": "x = 1\n",
    "ssl/__init__.py": '"""Stage."""\n',
    "ssl/losses.py": '''"""Losses."""

from coldstart.config.model import size
from coldstart.common.errors import ColdstartError
from coldstart.numbers import scale


class Loss:
    """A loss."""

    factor: float = 1.5
    """By which it is scaled."""

    def __call__(self, x):
        """Call it."""
        # why
        return scale(x) * self.factor
''',
    "ssl/heads.py": "width = 3\n",
    "numbers/__init__.py": "from .scaling import scale\n",
    "numbers/scaling.py": "def scale(x):\n    from ..deep import base as b\n    return x * b.two\n",
    "deep/__init__.py": "",
    "deep/base.py": "two = 2\n",
}
LOSSES = PARTS["ssl/losses.py"]


@pytest.fixture
def package(tmp_path):
    """Write a package with some files changed; returns its folder, a new one for each call."""
    written = []

    def write(parts):
        root = tmp_path / str(len(written)) / "coldstart"
        written.append(root)
        for name, text in {**PARTS, **parts}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return root

    return write


@pytest.fixture
def mark(package):
    def mark(modules=("coldstart.ssl.losses",), **parts):
        return fingerprint(*modules, package=package(parts))

    return mark


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# why", "# because"),
        ('"""A loss."""', '"""Another text."""'),
        ('"""Losses."""\n', ""),
        ('"""By which it is scaled."""', ""),
        ('        """Call it."""\n', ""),
        ("scale(x) * self.factor", "(\n            scale( x )*self.factor\n        )"),
        ("\n\n\nclass", "\nclass"),
        ("float = 1.5", "float = 1.50"),
    ],
)
def test_comments_docstrings_and_formatting_do_not_count(mark, old, new):
    assert old in LOSSES
    assert mark(**{"ssl/losses.py": LOSSES.replace(old, new)}) == mark()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.5", "1.25"),
        ("float = 1.5", "float = True"),
        (" * self", " + self"),
        ("factor", "weight"),
        ("(self, x)", "(self, x=None)"),
        ("return scale", "scale"),
        ("\n    def", "\n    @staticmethod\n    def"),
        ("scale(x)", "scale(*x)"),
    ],
)
def test_changed_code_changes_the_fingerprint(mark, old, new):
    assert old in LOSSES
    assert mark(**{"ssl/losses.py": LOSSES.replace(old, new)}) != mark()


SAYING = """
def train(x, log, Progress, steps):
    if x < 0:
        raise ValueError(f"{x} is negative")
    log.info("training on %d images", x)
    progress = Progress("training", steps)
    return x + steps
"""


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ('f"{x} is negative"', 'f"{x} is below nought: give another"', False),
        ('"training on %d images", x', '"%d images", x', False),
        ('    log.info("training on %d images", x)\n', "", False),
        ('"training"', 'f"training of {x}"', False),
        ("ValueError", "TypeError", True),
        ("x < 0", "x <= 0", True),
        ('Progress("training", steps)', 'Progress("training", steps + 1)', True),
        ("return x + steps", "return x - steps", True),
    ],
)
def test_texts_of_errors_logs_and_progress_do_not_count(mark, old, new, counts):
    assert old in SAYING
    before, after = (mark(**{"deep/base.py": text}) for text in (SAYING, SAYING.replace(old, new)))
    assert (before != after) == counts


@pytest.mark.parametrize(
    "one", ["f()", "f(None)", "return", "return None", "return 1", "return 1.0"]
)
@pytest.mark.parametrize(
    "other", ["return True", "return '1'", "return b'1'", "return -1", "{**x}"]
)
def test_similar_statements_have_different_fingerprints(mark, one, other):
    def body(line):
        return f"def g(x):\n    {line}\n"

    assert mark(**{"ssl/losses.py": body(one)}) != mark(**{"ssl/losses.py": body(other)})


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("numbers/scaling.py", "def scale(x): return 3 * x"),
        ("deep/base.py", "two = 2.0"),
        ("numbers/__init__.py", "from .scaling import scale\nscale = abs"),
        ("__init__.py", "import sys"),
        ("ssl/__init__.py", "import sys"),
        ("deep/__init__.py", "import sys"),
    ],
)
def test_indirect_imports_count(mark, part, text):
    assert mark(**{part: text}) != mark()


@pytest.mark.parametrize(
    "part",
    ["unrelated.py", "ssl/heads.py", "config/__init__.py", "common/errors.py"],
)
def test_unrelated_modules_and_infrastructure_do_not_count(mark, part):
    assert mark(**{part: "changed = True"}) == mark()


def test_files_of_a_page_count_with_the_module_of_their_name(mark):
    marks = {mark(), *(mark(**{"numbers/scaling.js": text}) for text in ("1", "2"))}
    assert len(marks) == 3
    assert mark(**{"numbers/scaling.css": "1"}) not in marks
    others = {"numbers/other.js": "1", "numbers/scaling.txt": "1"}
    assert mark(**others) == mark()


def test_infrastructure_is_not_followed(mark):
    through_store = {"ssl/losses.py": "import coldstart.store.objects"}
    assert mark(**through_store) == mark(**through_store, **{"unrelated.py": "x = 2"})


@pytest.mark.parametrize(
    "statement",
    [
        "import coldstart.ssl.heads",
        "import os, coldstart.ssl.heads as h",
        "from coldstart.ssl import heads",
        "from coldstart.ssl.heads import width",
        "from coldstart.ssl.heads import *",
        "from . import heads as h",
        "from .heads import width",
        "from ..ssl import heads",
        "from .. import ssl as s\nfrom ..ssl.heads import width",
        "def f():\n    class C:\n        from .heads import width",
        "if TYPE_CHECKING:\n    from .heads import width",
    ],
)
def test_every_form_of_import_is_followed(mark, statement):
    edited = {"ssl/losses.py": statement}
    assert mark(**edited) != mark(**edited, **{"ssl/heads.py": "width = 4"})


def test_imports_in_a_package_are_relative_to_it(mark):
    edited = {"ssl/__init__.py": "from .heads import width\nfrom ..deep import base"}
    plain = mark(["coldstart.ssl"], **edited)
    assert plain != mark(["coldstart.ssl"], **edited, **{"ssl/heads.py": "width = 4"})
    assert plain != mark(["coldstart.ssl"], **edited, **{"deep/base.py": "two = 3"})


def test_circular_imports_are_followed_once(mark):
    circle = {
        "ssl/losses.py": "import coldstart.ssl.heads",
        "ssl/heads.py": "from . import losses",
    }
    both = mark(**circle)
    assert both == mark(["coldstart.ssl.heads"], **circle)


def test_names_of_modules_count_and_their_order_does_not(mark):
    modules = ["coldstart.ssl.losses", "coldstart.ssl.heads"]
    assert mark(modules) == mark(modules[::-1]) == mark([*modules, *modules])
    assert mark(modules) != mark(modules[:1])
    same = {"ssl/losses.py": "width = 3\n"}
    assert mark(modules[:1], **same) != mark(modules[1:], **same)


def test_nothing_is_imported_or_run(mark):
    assert len(mark(**{"ssl/losses.py": "import no_such_package\nraise SystemExit"})) == 64


def test_missing_and_broken_modules_are_errors(mark):
    with pytest.raises(ColdstartError, match=r"no module coldstart\.ssl\.lossess"):
        mark(["coldstart.ssl.lossess"])
    with pytest.raises(ColdstartError, match=r"no module coldstart\.gone .*losses imports"):
        mark(**{"ssl/losses.py": "import coldstart.gone"})
    with pytest.raises(ColdstartError, match="no module torch"):
        mark(["torch"])
    with pytest.raises(ColdstartError, match=r"losses\.py.* is not valid Python.*line 1"):
        mark(**{"ssl/losses.py": "def f(:"})
    with pytest.raises(ColdstartError, match=r"coldstart\.config\.model is infrastructure"):
        mark(["coldstart.config.model"])


def test_fingerprint_equals_a_golden_one(mark):
    # The same in every version of Python; if it changes, so does every key in every store.
    assert mark() == "d3595ef8ad5f9fd24e79aa6fbd3d24e379558e1527a441f15a264f1b12ef9d77"


def test_source_digest_is_of_the_text_and_of_no_other_module(package):
    def digest(**parts):
        return source_digest("coldstart.ssl.losses", package=package(parts))

    plain = digest()
    assert plain != digest(**{"ssl/losses.py": LOSSES.replace("# why", "# because")})
    assert plain == digest(**{"numbers/scaling.py": "def scale(x): return 3 * x"})
    text = hashlib.sha256(LOSSES.encode()).hexdigest()
    both = f'{{"coldstart.ssl.losses": "{text}"}}'
    assert plain == hashlib.sha256(both.encode()).hexdigest()
    with pytest.raises(ColdstartError, match=r"no module coldstart\.gone"):
        source_digest("coldstart.gone", package=package({}))


def test_infrastructure_may_be_digested_as_text():
    assert source_digest("coldstart.common.errors") != source_digest("coldstart.common.progress")


def test_every_listed_infrastructure_module_exists():
    for name in INFRASTRUCTURE:
        path = PACKAGE.parent / name.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), name
    assert {"coldstart.common.errors", "coldstart.store", "coldstart.cli"} < set(INFRASTRUCTURE)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("size = 2\n", True),
        ("size = 1\nother = 2\n", False),
        ("def other(): ...\nsize = 1\n", False),
    ],
)
def test_only_imported_functions_of_recipes_count(mark, text, counts):
    assert (mark(**{"config/model.py": text}) != mark()) == counts


# An edit of a module of recipes, and the recipes whose artefacts it makes anew, and some that stay.
EDITS = {
    "steps of an epoch": (
        ("encoders/__init__.py", "return batch, parts, images // (batch * parts)",
         "return batch, parts, images // (2 * batch * parts)"),
        {"encoders.byol-digits", "encoders.vae-cifar", "learners.wrn-28-10-cutout"},
        {"encoders.pca-512", "pools.biased-digits"},
    ),
    "sizes of crops": (
        ("augmentations/crop.py", "max(1, round(share * height))", "round(share * height)"),
        {"encoders.byol-resnet18", "encoders.dino-digits"},
        {"encoders.pca-512", "pools.cifar10"},
    ),
    "widths of wide networks": (
        ("backbones/wide_resnet.py", "channels * self.width for", "channels + self.width for"),
        {"learners.wrn-28-10-cutout"},
        {"encoders.byol-digits", "learners.classifier-digits", "encoders.vae-cifar"},
    ),
    "sizes between convolutions": (
        ("backbones/convs.py", "found = [(height, width)]", "found = [(width, height)]"),
        {"encoders.vae-cifar", "encoders.vae-digits"},
        {"encoders.byol-digits", "learners.wrn-28-10-cutout"},
    ),
    "images that an operator leaves": (
        ("pools.py", "round(self.shares[label] * size)", "int(self.shares[label] * size)"),
        {"pools.biased-digits", "pools.biased-cifar10"},
        {"pools.cifar10", "pools.cifar10-longtail", "encoders.byol-digits"},
    ),
    "estimates of cost": (
        ("backbones/convs.py", "Stage(1, self.flat(height, width)",
         "Stage(2, self.flat(height, width)"),
        set(),
        {"encoders.vae-cifar", "encoders.byol-digits", "pools.cifar10"},
    ),
    "bounds and texts of a check": (
        ("encoders/__init__.py", "        return self.backbone.dim",
         "        assert True, 'a text'\n        return self.backbone.dim"),
        {"encoders.byol-digits", "learners.wrn-28-10-cutout"},
        {"encoders.pca-512", "pools.cifar10"},
    ),
    "another recipe": (
        ("encoders/simclr.py", "class SimClr(Trained):",
         "class Other(Trained):\n    pass\n\n\nclass SimClr(Trained):"),
        set(),
        {"encoders.simclr-digits", "encoders.byol-digits", "learners.wrn-28-10-cutout"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def recipes():
    return load({"scale": "paper"}, [], PACKAGE.parent).recipes


def mark_of(recipes, name, package):
    kind, _, one = name.partition(".")
    recipe = recipes.get(kind, one)
    if kind == "learners":
        modules = ["coldstart.learners.learn", learning_module(recipe)]
    else:
        modules = [{"pools": "coldstart.data.pool", "encoders": "coldstart.ssl.pretrain"}[kind]]
    return fingerprint(*modules, *modules_of(recipe), recipes=classes_of(recipe), package=package)


@pytest.mark.parametrize("edit", EDITS)
def test_methods_of_a_recipe_are_in_the_keys_of_its_artefacts(recipes, tmp_path, edit):
    (file, old, new), anew, stays = EDITS[edit]
    shutil.copytree(PACKAGE, tmp_path / "coldstart")
    path = tmp_path / "coldstart/config/recipes" / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    changed = {
        name
        for name in anew | stays
        if mark_of(recipes, name, PACKAGE) != mark_of(recipes, name, tmp_path / "coldstart")
    }
    assert changed == anew
