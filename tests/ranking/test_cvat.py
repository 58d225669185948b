import json
import shlex
from pathlib import Path

import pandas as pd

from coldstart.ranking import cvat


def test_files_are_listed_in_the_order_of_their_ranks():
    picks = pd.DataFrame({"rank": [1, 2], "path": ["b c.png", "a.png"]})
    assert cvat.files(picks) == "b c.png\na.png\n"


def test_each_class_is_a_tag():
    assert json.loads(cvat.labels(["Löwe", 'a "b"'])) == [
        {"name": "Löwe", "type": "tag", "attributes": []},
        {"name": 'a "b"', "type": "tag", "attributes": []},
    ]
    assert len(json.loads(cvat.labels([]))) == 2


def test_command_names_both_lists_and_keeps_their_order():
    command = shlex.split(cvat.steps(Path("r s/files.txt"), Path("r s/labels.json"), 7)[1])
    assert command[command.index("-a") + 1] == "r s/files.txt"
    assert command[command.index("-n") + 1] == "7"
    assert command[command.index("--labels") + 1] == "r s/labels.json"
    assert command[-3:] == ["--sorting-method", "predefined", "share"]
