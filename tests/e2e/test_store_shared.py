# SPDX-License-Identifier: GPL-3.0-or-later
"""Several processes use one store at once, and some of them are killed: nothing that was told is lost, and nothing is half
done."""

import random
import signal
import time

import pytest

from service import PATIENCE, SANITIZED, until
from storelib import TOOL, home, key


# More than any process does before it is killed.
MANY = 1_000_000


def told(text):
    """What a tool has told: {key: the name it had last}."""
    return {int(number): name for number, name in (line.split(" ") for line in text.splitlines())}


def finish(processes):
    """Their standard outputs; all must succeed and say nothing else."""
    outs = []
    for process in processes:
        out, err = process.communicate(timeout=60 * PATIENCE)
        assert (process.returncode, err) == (0, "")
        outs.append(out)
    return outs


def contents(home):
    """{key: name} of all contacts; the store is sound, and every contact came with its ticket."""
    home.check()
    by_id = {contact["id"]: name for name, contact in home.names().items()}
    (tickets, matching), = home.sql("SELECT count(*), count(contact.id = hash) FROM ticket LEFT JOIN contact "
                                    "ON ticket.contact = contact.row")
    assert tickets == matching == len(by_id)
    return by_id


def test_stores_made_at_once(home):
    """Each process finds no store; one is made, and what all of them add is in it. Two of them stand in each other's way
    in about one try of ten."""
    for _ in range(3 if SANITIZED else 30):
        if home.folder.exists():
            for path in home.folder.iterdir():
                path.unlink()
            home.folder.rmdir()
        outs = finish([home.start(TOOL, "add", "anna", first, 1) for first in range(12)])
        names = [name for out in outs for name in told(out).values()]
        assert sorted(names) == sorted(["anna", *(f"anna-{number}" for number in range(2, 13))])
        assert contents(home) == {key(number): name for out in outs for number, name in told(out).items()}


def test_adding_at_once(home):
    outs = finish([home.start(TOOL, "add", "anna", first, 50) for first in range(0, 400, 50)])
    everybody = {}
    for out in outs:
        everybody.update(told(out))
    assert len(everybody) == 400
    assert sorted(everybody.values()) == sorted(["anna", *(f"anna-{number}" for number in range(2, 401))])
    assert contents(home) == {key(number): name for number, name in everybody.items()}


def test_adding_and_renaming_at_once(home):
    home.tool("add", "old", 0, 40)
    outs = finish([*(home.start(TOOL, "rename", first, 100) for first in range(0, 40, 10)),
                   *(home.start(TOOL, "add", "new", first, 50) for first in (100, 200, 300))])
    last = {}
    for out in outs:
        last.update(told(out))
    assert len(last) == 40 + 150
    assert contents(home) == {key(number): name for number, name in last.items()}


@pytest.mark.parametrize("seed", range(4))
def test_killed_while_it_commits(home, seed):
    """Whatever was told is there; of the change that was not, all or nothing."""
    chance = random.Random(seed)
    known = told(home.tool("add", "before", 0, 10).out)
    before = len(known)
    for first in range(MANY, 11 * MANY, MANY):
        paths = [home.root / "added", home.root / "renamed"]
        with open(paths[0], "w") as added, open(paths[1], "w") as renamed:
            processes = [home.start(TOOL, "add", "anna", first, MANY, stdout=added),
                         home.start(TOOL, "rename", 0, 100 * MANY, stdout=renamed)]
            try:
                until(lambda: all(path.stat().st_size for path in paths), what="a change by both")
                time.sleep(chance.uniform(0, 0.03))  # the moment is the point; any will do
            finally:
                for process in processes:
                    process.kill()
        for process in processes:
            assert process.communicate(timeout=10 * PATIENCE)[1] == ""
            assert process.returncode == -signal.SIGKILL
        outs = [told(path.read_text()) for path in paths]
        there = contents(home)
        new = len(there) - before
        assert new - len(outs[0]) in (0, 1)
        assert all(key(number) in there for number in range(first, first + new))
        before += new
        for number, name in outs[0].items():
            assert there[key(number)] == name
        for number in range(10):
            name = there[key(number)]
            if name != outs[1].get(number, known[number]):
                assert name.startswith("name-0-")
            known[number] = name
    assert home.peers("forget", key(0)).status == 0
