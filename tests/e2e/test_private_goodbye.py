# SPDX-License-Identifier: GPL-3.0-or-later
"""A goodbye is one for both sides, however soon it comes."""

import pytest

from people import people, said, talking  # noqa: F401


@pytest.mark.parametrize("leaves", ["caller", "listener", "both"])
def test_nobody_misses_a_goodbye(people, leaves):
    anna, bob = people("anna"), people("bob")
    port = people.acquaint(anna, bob)
    for _ in range(6):
        listener = anna.listen(address=f"127.0.0.1:{port}")
        caller = bob.call("anna")
        talking(caller, "anna")
        talking(listener, "bob")
        for role, program in (("caller", caller), ("listener", listener)):
            if leaves in (role, "both"):
                program.line("/quit")
        assert (caller.wait_exit(), listener.wait_exit()) == (0, 0)
        assert "not delivered" not in said(caller) + said(listener)


@pytest.mark.parametrize("first", ["caller", "listener"])
def test_nobody_misses_the_end_of_streams(people, first):
    anna, bob = people("anna"), people("bob")
    port = people.acquaint(anna, bob)
    for _ in range(6):
        listener = anna.listen(on="pipes", address=f"127.0.0.1:{port}")
        caller = bob.call("anna", on="pipes")
        ends = [caller, listener] if first == "caller" else [listener, caller]
        for number, program in enumerate(ends):
            program.line(f"of {number}")
            program.half_close()
        assert (ends[0].read_all(), ends[1].read_all()) == (b"of 1\n", b"of 0\n")
        assert (caller.wait_exit(), listener.wait_exit()) == (0, 0)
