"""Options from files: YAML and TOML, what is typed wins, mistakes name the near option."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from mvlib.__main__ import COMMANDS, main
from mvlib._arguments import expand, write_config
from mvlib.training.experiment import ImageTraining

TRAIN = ["train", "image"]


@pytest.fixture
def printed(monkeypatch, capsys):
    """What the command line makes of arguments."""

    def run(arguments):
        monkeypatch.setattr(sys, "argv", ["mvlib", *arguments, "--print_config"])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 0
        return yaml.safe_load(capsys.readouterr().out)

    return run


SAID = {
    "steps": 7,
    "lr": 1e-4,
    "compile": True,
    "analysers": ["nanodet", "centernet"],
    "anchor": "a b.json",
}
YAML = "steps: 7\nlr: 1e-4\ncompile: true\nanalysers: [nanodet, centernet]\nanchor: a b.json\n"
TOML = 'steps = 7\nlr = 1e-4\ncompile = true\nanalysers = ["nanodet", "centernet"]\nanchor = "a b.json"\n'


@pytest.mark.parametrize("suffix, text", [("yaml", YAML), ("toml", TOML), ("json", json.dumps(SAID))])
def test_a_file_of_options_is_read_and_what_is_typed_wins(printed, tmp_path, suffix, text):
    file = tmp_path / f"options.{suffix}"
    file.write_text(text)
    got = printed([*TRAIN, "--steps", "9", "--config", str(file), "--batch=3"])
    assert (got["steps"], got["batch"], got["lr"], got["compile"]) == (9, 3, 1e-4, True)
    assert got["analysers"] == ["nanodet", "centernet"] and got["anchor"] == "a b.json"
    assert got["ema"] == ImageTraining().ema, "what nobody says stays as it is"


def test_a_later_file_wins_over_an_earlier_one(tmp_path):
    for name, steps in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.yaml").write_text(
            f"steps: {steps}\nbatch: {steps}\n" if name == "a" else "steps: 2\n"
        )
    got = expand(COMMANDS, [*TRAIN, f"--config={tmp_path}/a.yaml", f"--config={tmp_path}/b.yaml"])
    assert got == [*TRAIN, "--steps=2", "--batch=1"]


@pytest.mark.parametrize(
    "text, suffix, message",
    [
        ("step: 3\n", "yaml", r"'step'; did you mean 'steps'"),
        ("xyzzy = 3\n", "toml", r"'xyzzy'; there are out, architecture, "),
        ("steps: [3\n", "yaml", "cannot be read as yaml"),
        ("steps = = 3\n", "toml", "cannot be read as toml"),
        ("just words\n", "yaml", "must hold options"),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path, text, suffix, message):
    (tmp_path / f"c.{suffix}").write_text(text)
    with pytest.raises(ValueError, match=message):
        expand(COMMANDS, [*TRAIN, "--config", str(tmp_path / f"c.{suffix}")])


def test_mistakes_that_were_typed_are_named():
    with pytest.raises(ValueError, match=r"evaluate image has no option 'codec'; did you mean 'codecs'"):
        expand(COMMANDS, ["evaluate", "image", "--codec", "[x264]"])
    with pytest.raises(FileNotFoundError, match=r"nowhere\.yaml does not exist"):
        expand(COMMANDS, [*TRAIN, "--config", "nowhere.yaml"])
    assert expand(COMMANDS, ["trian", "--x"]) == ["trian", "--x"], "the parser says what commands there are"


def test_what_was_written_is_read_again(printed, tmp_path):
    training = ImageTraining(
        steps=5, lr=3e-5, analysers=("nanodet", "efficientnet_lite1"), anchor=Path("a.json")
    )
    write_config(tmp_path / "config.yaml", training, "python -m mvlib train image", {"torch": "2"})
    assert (tmp_path / "config.yaml").read_text().startswith("# python -m mvlib train image\n# torch 2\n")
    got = printed([*TRAIN, "--config", str(tmp_path / "config.yaml")])
    got.pop("out")
    want = asdict(training)
    assert {**got, "analysers": tuple(got["analysers"]), "codecs": tuple(got["codecs"])} == {
        **want, "anchor": str(want["anchor"])
    }  # fmt: skip


AS_TYPED = """
out: 2024-01-01
against: 007
gop: on
split: 12:30
preprocessors: [2024-01-01, 010, 1e-4, true, no, '7']
qps: [27, 37]
reader: {listed: 2024-01-01, stride: 4, name: 007, when: 12:30}
dry_run: true
limit: null
"""


def test_what_may_be_a_name_is_taken_as_it_is_typed(tmp_path):
    """YAML 1.1 would make a date, 7, True, 750, 8, 0.0001, True and False of these."""
    (tmp_path / "a.yaml").write_text(AS_TYPED)
    got = expand(COMMANDS, ["evaluate", "image", "--config", str(tmp_path / "a.yaml")])
    options = dict(argument[2:].split("=", 1) for argument in got[2:])
    assert options == {
        "out": "2024-01-01",
        "against": "007",
        "gop": "on",
        "split": "12:30",
        "preprocessors": '["2024-01-01", "010", "1e-4", "true", "no", "7"]',
        "qps": '["27", "37"]',
        "reader": '{"listed": "2024-01-01", "stride": 4, "name": "007", "when": "12:30"}',
        "dry_run": "true",
        "limit": "null",
    }


def test_what_may_be_a_name_reaches_the_option(printed, tmp_path):
    (tmp_path / "a.yaml").write_text(AS_TYPED)
    got = printed(["evaluate", "image", "--config", str(tmp_path / "a.yaml")])
    assert (got["out"], got["against"], got["gop"], got["split"]) == ("2024-01-01", "007", "on", "12:30")
    assert got["preprocessors"] == ["2024-01-01", "010", "1e-4", "true", "no", "7"]
    assert got["qps"] == [27, 37] and got["dry_run"] is True and got["limit"] is None
    assert got["reader"] == {"listed": "2024-01-01", "stride": 4, "name": "007", "when": "12:30"}


def test_dates_of_toml_are_taken_as_they_are_typed(printed, tmp_path):
    (tmp_path / "a.toml").write_text("against = 2024-01-01\nreader = {listed = 2024-01-02, at = 10:30:00}\n")
    got = printed(["evaluate", "image", "--config", str(tmp_path / "a.toml")])
    assert got["against"] == "2024-01-01" and got["reader"] == {"listed": "2024-01-02", "at": "10:30:00"}


def test_a_date_for_a_key_is_named(tmp_path):
    (tmp_path / "a.yaml").write_text("2024-01-01: 3\n")
    with pytest.raises(ValueError, match="names an option that there is not: '2024-01-01'"):
        expand(COMMANDS, [*TRAIN, "--config", str(tmp_path / "a.yaml")])
