"""Processes that load: a step is drawn from (seed, step) alone, however many of them draw steps side by side."""

import pytest
import torch
from torch.utils.data import DataLoader

from mvlib.datasets import Photos
from mvlib.training.batches import Steps
from mvlib.training.experiment import ImageTraining, VideoTraining

STEPS = 12


def photographs(folder):
    return ImageTraining(steps=STEPS, batch=6, size=32)


def scenes_and_films(folder):
    return VideoTraining(steps=STEPS, batch=3, size=32, frames=2, excerpts=0.8)


def windows_of_clips(folder):
    reader = {"split": "val", "listed": str(folder / "val.csv")}
    return VideoTraining(
        steps=STEPS, batch=3, size=32, frames=2, dataset="kinetics400", root=folder, reader=reader
    )


@pytest.mark.slow
@pytest.mark.parametrize("material", [photographs, scenes_and_films, windows_of_clips])
def test_workers_draw_what_one_process_draws(material, kinetics):
    """The step in shared memory alone would be that of the worker that set it last."""
    training = material(kinetics)
    alone = Steps(training)
    loader = DataLoader(
        Steps(training), batch_size=None, sampler=range(STEPS), num_workers=2, prefetch_factor=4
    )
    other = [
        step
        for step, (x, qp) in enumerate(loader)
        if not (torch.equal(x, alone[step][0]) and torch.equal(qp, alone[step][1]))
    ]
    assert not other, f"steps that were drawn otherwise: {other}"


def test_what_a_worker_sets_stays_with_it():
    photos = Photos("val", size=32)

    class Asks(torch.utils.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            before = photos.epoch
            photos.set_epoch(5)
            return before, photos.epoch

    photos.set_epoch(3)
    assert list(DataLoader(Asks(), batch_size=None, num_workers=1)) == [[3, 5], [5, 5]]
    assert photos.epoch == 3
