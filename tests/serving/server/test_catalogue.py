"""What is told of versions that go and come back."""

from __future__ import annotations

from kavc.serving.server.catalogue import AVAILABLE, END, UNLOADING, Catalogue
from kavc.serving.server.leases import Leases


class Stub:
    def __init__(self, version):
        self.name, self.version, self.leases = "a", version, Leases()

    def close(self):
        pass


def test_a_version_that_comes_back_while_a_call_still_holds_it():
    catalogue = Catalogue()
    catalogue.offer(Stub(2))
    with catalogue.lease("a"):
        catalogue.withdraw("a", 2)
        assert catalogue.states("a")[2].state == UNLOADING
        catalogue.offer(Stub(2))
    assert catalogue.states("a")[2].state == AVAILABLE
    catalogue.withdraw("a", 2)
    assert catalogue.states("a")[2].state == END
