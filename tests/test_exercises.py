"""What a learner reads below an exercise."""

import numpy as np

from mvlib.exercises import check


def gap(): ...


def test_what_holds_is_ticked(capsys):
    assert check("two and two", lambda: 2 + 2 == 4, hint="count")
    assert capsys.readouterr().out == "✓ two and two\n"


def test_a_gap_prints_one_line_without_an_error(capsys):
    for test in (lambda: gap() + 1 == 2, lambda: gap()[0] == 1, lambda: gap().sum() == 1, lambda: gap() == 1):
        assert not check("a sum", test)
    assert capsys.readouterr().out == "○ not yet: a sum\n" * 4


def test_an_error_in_an_answer_is_shown_with_the_hint(capsys):
    assert not check("a shape", lambda: np.zeros((2, 3)) @ np.zeros((2, 3)), hint="transpose one")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("○ not yet: a shape (ValueError: ") and second == "  hint: transpose one"
