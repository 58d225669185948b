import os
import time

import pytest

from coldstart.errors import ColdstartError
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


def test_what_a_root_reaches_stays_and_users_go_before_their_inputs(family, old):
    images, encoder = old
    found = scan(family.store, [family.metrics.key], 30 * DAY)
    assert garbage(found) == [encoder.key, images.key]
    assert family.store.keys() == sorted([*family.keys, images.key, encoder.key])
    assert [entry.key for entry in remove(found)] == [encoder.key, images.key]
    assert family.store.keys() == family.keys
    assert family.store.verify() == []


def test_what_a_young_artefact_was_made_from_stays(family, old):
    _, encoder = old
    age(family, encoder, 29)
    found = scan(family.store, [family.metrics.key], 30 * DAY)
    assert garbage(found) == []
    assert found.young == 2


def test_age_counts_from_when_it_came_to_this_store(family, old):
    images, encoder = old
    age(family, encoder, 0)
    assert garbage(scan(family.store, family.keys, 30 * DAY)) == []
    assert garbage(scan(family.store, family.keys, 0)) == [encoder.key, images.key]


def test_what_was_published_after_the_scan_stays_with_its_inputs(family, old):
    images, encoder = old
    found = scan(family.store, [family.metrics.key], 30 * DAY)
    family.make("embed", {}, images=images)
    assert [entry.key for entry in remove(found)] == [encoder.key]
    assert family.store.has(images.key)


def test_what_was_published_anew_after_the_scan_stays_with_its_inputs(family, old):
    images, encoder = old
    found = scan(family.store, [family.metrics.key], 30 * DAY)
    family.store.discard(encoder.key)
    family.make("pretrain", {"seed": 9}, images=images)
    assert list(remove(found)) == []
    assert family.store.has(encoder.key)
    assert family.store.has(images.key)


def test_what_somebody_else_has_removed_is_no_error(family, old):
    images, encoder = old
    found = scan(family.store, [family.metrics.key], 30 * DAY)
    family.store.discard(encoder.key)
    assert [entry.key for entry in remove(found)] == [images.key]


def test_a_root_that_cannot_be_read_stops_it_all(family, old):
    damage(family, family.encoder)
    with pytest.raises(ColdstartError, match=f"{family.encoder.key}.*unknown what it needs"):
        scan(family.store, [family.metrics.key], 30 * DAY)


def test_what_cannot_be_judged_is_left_alone(family, old):
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


def test_a_store_that_is_not_there_is_an_error(family, tmp_path):
    with pytest.raises(ColdstartError, match="There is no store"):
        scan(type(family.store)(tmp_path / "unmounted"), [], 0)


def damage(family, identity):
    manifest = family.folder(identity) / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text("{")
