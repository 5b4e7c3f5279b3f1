"""Items made by other processes: what goes wrong in one of them is told as if it had gone wrong here."""

import multiprocessing
import os
import signal
import time

import pytest
from torch.utils.data import Dataset

from mvlib.errors import InputError, ResourceError
from mvlib.training.loading import loaded


class Items(Dataset):
    """Numbers, and what is wrong with one of them."""

    def __init__(self, wrong):
        self.wrong = wrong

    def __getitem__(self, index):
        if index == 2:
            self.wrong()
        return index


def refuse():
    raise InputError("film.mp4 is damaged; leave it out")


def fault():
    raise ZeroDivisionError("ours")


def take_all():
    raise MemoryError


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def test_items_come_in_order():
    assert list(loaded(Items(None), [5, 3, 4], 2, prefetch_factor=2)) == [5, 3, 4]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_that_a_caller_can_put_right_is_its_own_message(workers):
    items = loaded(Items(refuse), range(5), workers)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(InputError) as caught:
        next(items)
    assert str(caught.value) == "film.mp4 is damaged; leave it out"
    with pytest.raises(ResourceError, match=r"too little memory: .*fewer workers"):
        list(loaded(Items(take_all), range(5), workers))


@pytest.mark.parametrize(
    "wrong, error", [(refuse, InputError), (fault, ZeroDivisionError), (die, ResourceError)]
)
def test_the_processes_end_though_someone_keeps_the_error(wrong, error):
    with pytest.raises(error) as kept:
        list(loaded(Items(wrong), range(50), 2))
    assert kept.traceback and not multiprocessing.active_children()


def test_a_fault_of_ours_keeps_its_traceback_and_a_killed_process_is_said():
    with pytest.raises(ZeroDivisionError, match=r"(?s)Traceback.*in fault"):
        list(loaded(Items(fault), range(5), 1))
    with pytest.raises(
        ResourceError, match=r"was killed: the system probably ran out of memory; give fewer workers"
    ):
        list(loaded(Items(die), range(5), 1))


def test_a_process_that_is_stuck_does_not_hold_up_the_end(tmp_path):
    def stuck():
        (tmp_path / "here").touch()
        time.sleep(3600)

    items = loaded(Items(stuck), range(5), 1)
    assert next(items) == 0
    while not (tmp_path / "here").exists():
        time.sleep(0.01)
    items.close()
    assert not multiprocessing.active_children()


def test_ctrl_c_is_not_for_the_processes_that_load(capfd):
    class Slow(Dataset):
        def __getitem__(self, index):
            time.sleep(0.3)
            return os.getpid(), signal.pthread_sigmask(signal.SIG_BLOCK, [])

    items = loaded(Slow(), range(3), 1)
    process, blocked = next(items)
    assert process != os.getpid() and {signal.SIGINT, signal.SIGTERM} <= set(blocked)
    os.kill(process, signal.SIGINT)
    os.kill(process, signal.SIGTERM)
    assert next(items)[0] == process
    items.close()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert capfd.readouterr().err == ""
