"""Recipes are checked; training learns, resumes, survives interruption and NaN."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from upedal import audio, paths, recipe, synth, train
from upedal.errors import UpedalError

RATE = 48000
SMALL = ("hidden=6", "batch=32", "segment=256", "learning_rate=0.01")


@pytest.fixture(scope="module")
def pair():
    dry = synth.dry_guitar(6, RATE, seed=3)
    return dry, synth.overdrive(dry, RATE, drive=0.3)


def run(pair, folder, *more, **options):
    r = recipe.load("gru-16", SMALL + more)
    return train.train(*pair, RATE, r, out_dir=folder, progress=False, **options)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


@pytest.mark.parametrize("name", recipe.names())
def test_every_shipped_recipe_loads_and_builds(name):
    r = recipe.load(name)
    assert r.name == name
    net = r.build()
    if r.net == "tcn8":  # trains on windows with the net's memory ahead of them: train_tcn8
        assert net(torch.zeros(2, 1, 50 + net.receptive_field - 1)).shape == (2, 50)
        return
    assert net(torch.zeros(2, 50))[0].shape == (2, 50)


def test_the_named_recipes_are_there():
    assert {"gru-10", "gru-16", "gru-32", "gru-40", "tcn-small"} <= set(recipe.names())
    assert recipe.load("gru-10").hidden == 10 and paths.RECIPES.is_dir()


@pytest.mark.parametrize(
    "text,cause",
    [
        ("hiden: 4", "unknown key 'hiden'"),
        ("hidden: four", "hidden is 'four'; expected an integer"),
        ("hidden: 0", "hidden is 0; expected 1 to 128"),
        ("skip: 1", "skip is 1; expected true or false"),
        ("net: rnn", "net is 'rnn'; expected one of ('gru', 'lstm', 'tcn', 'wavenet', 'tcn8')"),
        ("dilations: [1, 0]", "dilations is [1, 0]"),
        ("learning_rate: .nan", "learning_rate is nan"),
        ("- 1", "holds list"),
        ("a: [", "not YAML"),
    ],
)
def test_wrong_recipe_is_refused_with_file_key_and_expectation(tmp_path, text, cause):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UpedalError) as error:
        recipe.load(path)
    assert str(path) in str(error.value) and cause in str(error.value)


def test_overrides_are_checked_like_the_file():
    assert recipe.load("gru-16", ["hidden=12", "learning_rate=5e-4"]).learning_rate == 5e-4
    for text, cause in (("hidden", "key=value"), ("hidden=x", "an integer"), ("x=1", "unknown")):
        with pytest.raises(UpedalError, match=cause):
            recipe.load("gru-16", [text])
    with pytest.raises(UpedalError, match="no such recipe"):
        recipe.load("gru-17")


@pytest.mark.parametrize(
    "name, changes, said",
    [
        ("gru-16x", [], r"'gru-16x': no such recipe \(did you mean gru-16\?\)"),
        ("gru-16", ["hiden=20"], r"unknown key 'hiden' \(did you mean hidden\?\)"),
        ("some/file.wav", [], "some/file.wav: no recipe by its name; expected a .yaml file"),
        ("gone.yaml", [], "gone.yaml: no such recipe; expected a .yaml file that is there"),
    ],
)
def test_a_slip_of_the_hand_is_told_what_was_meant(name, changes, said):
    with pytest.raises(UpedalError, match=said):
        recipe.load(name, changes)


@pytest.mark.parametrize(
    "arrays, said",
    [
        ("[]", r"arrays is \[\]; expected one or more"),
        ("[7]", r"arrays\[0\] is 7; expected keys"),
        ("[{channels: x, kernels: 3, dilations: [1], head: 1}]", r"arrays\[0\].channels is 'x'; expected 1 to 256"),
        ("[{channels: 4, kernels: 3, dilations: [1], head: 2}]", r"arrays\[0\].head is 2; expected 1, as the last"),
        ("[{channels: 4, kernels: 3, dilations: 1, head: 1}]", r"arrays\[0\].dilations is 1; expected a list"),
        ("[{channels: 4, kernels: [3], dilations: [1, 2], head: 1}]", r"arrays\[0\].kernels is \[3\]; expected .* list of 2"),
        (
            "[{channels: 4, kernels: 3, dilations: [1], head: 3}, {channels: 2, kernels: 3, dilations: [1], head: 1}]",
            r"arrays\[0\].head is 3; expected 2, the next array's channels",
        ),
    ],
)  # fmt: skip
def test_wrong_arrays_are_refused_with_place_and_expectation(arrays, said):
    with pytest.raises(UpedalError, match=said):
        recipe.load("wavenet-8", [f"arrays={arrays}"]).build()


def test_training_learns_an_overdrive_and_reports_what_it_renders(pair, tmp_path):
    result = run(pair, tmp_path, "epochs=40")
    assert result.val_esr < 0.1 and result.test_esr < 0.1, (result.val_esr, result.test_esr)
    assert result.val_esr == min(h["val_esr"] for h in result.history)
    output = train.render(result.net, pair[0])
    part = result.test_slice
    assert audio.esr(pair[1][part], output[part]) == result.test_esr
    assert part == audio.split(len(pair[0]), RATE)[2]


def test_validation_in_lanes_agrees_with_the_exact_render(pair, tmp_path):
    result = run(pair, tmp_path, "epochs=10")
    part = audio.split(len(pair[0]), RATE)[1]
    exact = audio.esr(pair[1][part], train.render(result.net, pair[0])[part])
    assert result.val_esr == pytest.approx(exact, rel=0.02)


def test_render_in_blocks_equals_one_forward_pass(pair):
    net = recipe.load("gru-10").build()
    x = np.tile(pair[0], 1)[:150000]
    with torch.no_grad():
        whole = net(torch.as_tensor(x)[None])[0][0].numpy()
    assert np.array_equal(train.render(net, x), whole)


def test_same_seed_gives_the_same_net_and_another_seed_another(pair, tmp_path):
    first = run(pair, tmp_path / "a", "epochs=2", seed=5)
    again = run(pair, tmp_path / "b", "epochs=2", seed=5)
    other = run(pair, tmp_path / "c", "epochs=2", seed=6)
    assert torch.equal(weights(first.net), weights(again.net)) and first.seed == 5
    assert not torch.equal(weights(first.net), weights(other.net))


def test_interrupted_training_keeps_the_best_and_resumes_to_the_same_end(
    pair, tmp_path, monkeypatch
):
    whole = run(pair, tmp_path / "whole", "epochs=4")
    epoch = train._Job.epoch

    def stop_in_third(job):
        if len(job.history) == 2:
            raise KeyboardInterrupt
        epoch(job)

    monkeypatch.setattr(train._Job, "epoch", stop_in_third)
    half = run(pair, tmp_path / "half", "epochs=4")
    assert half.interrupted and len(half.history) == 2
    monkeypatch.setattr(train._Job, "epoch", epoch)
    rest = run(pair, tmp_path / "half", "epochs=4")
    assert not rest.interrupted and len(rest.history) == 4
    assert torch.equal(weights(rest.net), weights(whole.net))
    assert rest.seconds > half.seconds


def test_other_data_or_recipe_starts_afresh(pair, tmp_path):
    run(pair, tmp_path, "epochs=2")
    assert len(run(pair, tmp_path, "epochs=2", "dc=0.1").history) == 2
    louder = (pair[0], 1.1 * pair[1])
    assert run(louder, tmp_path, "epochs=2", "dc=0.1").history[0]["epoch"] == 1


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 torn"])
def test_damaged_checkpoint_is_an_error_that_names_it(pair, tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(UpedalError, match=r"checkpoint\.pt: not a checkpoint"):
        run(pair, tmp_path, "epochs=2")


def test_checkpoint_runs_no_code_from_the_file(pair, tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "owned"), "w")

    torch.save({"identity": Evil()}, tmp_path / "checkpoint.pt")
    with pytest.raises(UpedalError, match="not a checkpoint"):
        run(pair, tmp_path, "epochs=2")
    assert not (tmp_path / "owned").exists()


def test_nan_loss_goes_back_to_the_best_with_half_the_rate(pair, tmp_path, monkeypatch):
    step, calls = train._Job._step, []

    def sometimes_nan(job, *args):
        calls.append(len(job.history))
        loss = step(job, *args)
        if calls.count(1) == 3 and calls[-1] == 1:
            with torch.no_grad():
                job.net.dense.weight.fill_(float("nan"))
            return float("nan")
        return loss

    monkeypatch.setattr(train._Job, "_step", sometimes_nan)
    result = run(pair, tmp_path, "epochs=3")
    assert len(result.history) == 3 and np.isfinite(result.test_esr)
    assert result.history[2]["rate"] < 0.5 * 0.01
    assert bool(torch.isfinite(weights(result.net)).all())


def test_nan_at_any_rate_is_an_error(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(train._Job, "_step", lambda *args: float("nan"))
    with pytest.raises(UpedalError, match="NaN at any learning rate"):
        run(pair, tmp_path, "epochs=3")


def test_time_budget_is_kept(pair, tmp_path):
    result = run(pair, tmp_path, minutes=0.05)
    assert 2.9 < result.seconds < 6.0, result.seconds
    assert result.history[-1]["rate"] < 0.01


def test_bad_input_is_refused(pair, tmp_path):
    dry, wet = pair
    for args, cause in (
        ((dry[:RATE], wet[:RATE]), "at least 2 s"),
        ((dry, 0 * wet), "silent"),
        ((dry, np.where(np.arange(len(wet)) < 0.9 * len(wet), wet, 0)), "test part of wet"),
        ((dry, np.full_like(wet, np.nan)), "finite"),
    ):
        with pytest.raises(UpedalError, match=cause):
            run(args, tmp_path)
    with pytest.raises(UpedalError, match="minutes"):
        run(pair, tmp_path, minutes=0)
    with pytest.raises(UpedalError, match="device"):
        run(pair, tmp_path, device="quantum")


def test_tcn_trains_too(pair, tmp_path):
    r = recipe.load("tcn-small", ["batch=8", "segment=2048", "epochs=4", "dilations=[1, 4, 16]"])
    result = train.train(*pair, RATE, r, out_dir=tmp_path, progress=False)
    assert result.val_esr < 0.5, result.val_esr
