"""The content filter: what judges, what learns, what is tried out, and whom else one may ask."""

from __future__ import annotations

from mailsys.assembly.process import Process
from mailsys.assembly.stores import Stores
from mailsys.core.trust.bayes import Bounds
from mailsys.services.learning.content_filter import Filter
from mailsys.services.learning.learner import Learner
from mailsys.services.learning.rehearsing import Rehearsal


def make_filter(process: Process, stores: Stores) -> Filter:
    settings = process.settings.filter
    bounds = Bounds(settings.junk, settings.good, settings.least)
    return Filter(stores.learning, process.offload, bounds, settings.weight, settings.enabled)


def make_learner(process: Process, stores: Stores) -> Learner:
    shared = process.settings.filter.shared
    return Learner(stores.learning, stores.blobs, process.offload, process.reactor, shared)


def make_rehearsal(process: Process, stores: Stores) -> Rehearsal:
    return Rehearsal(
        stores.mail, stores.blobs, stores.learning, make_filter(process, stores), process.offload
    )
