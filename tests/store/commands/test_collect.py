import os
import time

import pytest

from coldstart.common.errors import ColdstartError
from coldstart.store import FORMAT
from coldstart.store.collect import remove, scan

DAY = 86400.0


@pytest.fixture
def old(family):
    """A chain of two that nothing else uses, with the family, all sixty days old."""
    images = family.make("images", {"source": "old"})
    encoder = family.make("pretrain", {"seed": 9}, images=images)
    for identity in (images, encoder, family.images, family.encoder, family.metrics):
        age(family, identity, 60)
    return images, encoder


def age(family, identity, days):
    moment = time.time() - days * DAY
    os.utime(family.folder(identity) / "manifest.json", (moment, moment))


def garbage(found):
    return [entry.key for entry in found.garbage]


def test_reachable_artefacts_are_kept_and_users_are_removed_before_inputs(family, old):
    images, encoder = old
    found = scan(family.store, [family.metrics.key], 30 * DAY)
    assert garbage(found) == [encoder.key, images.key]
    assert family.store.keys() == sorted([*family.keys, images.key, encoder.key])
    assert [entry.key for entry in remove(found)] == [encoder.key, images.key]
    assert family.store.keys() == family.keys
    assert family.store.verify() == []


def test_inputs_of_a_young_artefact_are_kept(family, old):
    _, encoder = old
    age(family, encoder, 29)
    found = scan(family.store, [family.metrics.key], 30 * DAY)
    assert garbage(found) == []
    assert found.young == 2


def test_age_counts_from_the_arrival_in_this_store(family, old):
    images, encoder = old
    age(family, encoder, 0)
    assert garbage(scan(family.store, family.keys, 30 * DAY)) == []
    assert garbage(scan(family.store, family.keys, 0)) == [encoder.key, images.key]


def test_artefact_published_after_the_scan_is_kept_with_its_inputs(family, old):
    images, encoder = old
    found = scan(family.store, [family.metrics.key], 30 * DAY)
    family.make("embed", {}, images=images)
    assert [entry.key for entry in remove(found)] == [encoder.key]
    assert family.store.has(images.key)


def test_artefact_published_again_after_the_scan_is_kept_with_its_inputs(family, old):
    images, encoder = old
    found = scan(family.store, [family.metrics.key], 30 * DAY)
    family.store.discard(encoder.key)
    family.make("pretrain", {"seed": 9}, images=images)
    assert list(remove(found)) == []
    assert family.store.has(encoder.key)
    assert family.store.has(images.key)


def test_artefact_removed_by_another_process_is_no_error(family, old):
    images, encoder = old
    found = scan(family.store, [family.metrics.key], 30 * DAY)
    family.store.discard(encoder.key)
    assert [entry.key for entry in remove(found)] == [images.key]


def test_unreadable_root_stops_the_collection(family, old):
    damage(family, family.encoder)
    with pytest.raises(ColdstartError, match=f"{family.encoder.key}.*its inputs are unknown"):
        scan(family.store, [family.metrics.key], 30 * DAY)


def test_unreadable_artefact_is_kept(family, old):
    images, encoder = old
    damage(family, images)
    manifest = family.folder(encoder) / "manifest.json"
    text = manifest.read_text().replace(f'"format": {FORMAT}', f'"format": {FORMAT + 1}')
    manifest.chmod(0o644)
    manifest.write_text(text)
    age(family, encoder, 60)
    found = scan(family.store, [family.metrics.key], 30 * DAY)
    assert garbage(found) == []
    assert found.left_alone == 2


def test_missing_store_is_an_error(family, tmp_path):
    with pytest.raises(ColdstartError, match="There is no store"):
        scan(type(family.store)(tmp_path / "unmounted"), [], 0)


def damage(family, identity):
    manifest = family.folder(identity) / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text("{")
