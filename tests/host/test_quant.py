"""After-training quantisation: how near q15 comes to f32, that nothing overflows, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from upedal import (
    ai8x,
    audio,
    cli,
    convert,
    native,
    pack,
    paths,
    quant,
    quant_fold,
    quant_rows,
    quant_tables,
    reference,
    synth,
    upm,
)
from upedal import layers as L
from upedal import qlayers as Q
from upedal.errors import UpedalError

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "formats" / "golden"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="no ../shared/formats/golden beside the tree")
MODEL = paths.MODELS / "boss_ds1" / "boss_ds1.upm"
RATE = 48000


def short(n=12000, seed=3):
    """Calibration that takes no time: noise with a slope, at two levels, and silence."""
    x = np.random.default_rng(seed).standard_normal(n)
    x = np.convolve(x, np.ones(8) / 8, "same")
    x[: n // 2] *= 0.2
    x[-n // 8 :] = 0.0
    return x / np.abs(x).max()


def conv(rng, out, cin, taps=1, gain=1.0, **more):
    weight = gain * rng.standard_normal((out, cin, taps)) / np.sqrt(cin * taps)
    return L.Conv1d(weight, 0.1 * rng.standard_normal(out), **more)


def net(*layers, knobs=()):
    return L.Model(list(layers), RATE, knobs=list(knobs))


def matrices(made):
    for layer in made.layers:
        for key in ("matrix", "rz", "n_in", "n_h"):
            if hasattr(layer, key):
                yield getattr(layer, key)


# ---- figures -------------------------------------------------------------------------------------


@needs_golden
@pytest.mark.parametrize(
    ("file", "worst_db"),
    [
        ("nam/a2_lite.nam", -63.5),
        ("nam/a2_full.nam", -67),
        ("nam/a1_standard.nam", -65),
        ("nam/a1_feather.nam", -70.8),
        ("nam/a1_gated_synth.nam", -66.5),
        ("nam/a2_features_synth.nam", -64.8),
        ("nam/activations_synth.nam", -61.4),
        ("nam/linear_2000_synth.nam", -53.1),
        ("nam/lstm_1x16.nam", -52.7),
        ("nam/quirk_l1x1film_blended.nam", -77),
        ("guitarml/lstm8_ts9.json", -60),
        ("guitarml/gru8_ts9.json", -65.3),
        ("guitarml/lstm12_cond2_synth.json", -63.9),
        ("aidax/gru12_gains_synth.json", -70.4),
    ],
)
def test_golden_nets_keep_their_sound(file, worst_db):
    x, _ = audio.read(GOLDEN / "input.wav")
    model = convert.read(GOLDEN / file, warn=lambda text: None)
    # At 1.05 s the float A1 standard itself answers half a unit of input noise with -34 dB.
    frames = 48000 if file == "nam/a1_standard.nam" else 72000
    db = quant.compare(model, quant.quantise(model), x[:frames])
    assert db < worst_db, f"{file}: {db:.1f} dB, expected below {worst_db}"


def test_our_own_model_keeps_its_sound():
    model = upm.load(MODEL)
    db = quant.compare(model, quant.quantise(model), synth.dry_guitar(2.0, RATE, seed=1))
    assert db < -46, f"{db:.1f} dB"


ACTS = [
    L.Act(kind, {"leaky_relu": (0.3,), "elu": (0.7,), "leaky_hard_tanh": (-1.2, 0.8, 0.05, 0.1)}.get(kind, ()))
    for kind in L.ACTIVATIONS
]


def with_slopes(a, channels):
    return L.Act("prelu", (), np.linspace(-0.9, 0.9, channels).astype(np.float32)) if a.kind == "prelu" else a


@pytest.mark.parametrize("act", ACTS, ids=lambda a: a.kind)
@pytest.mark.parametrize("how", ["conv", "gated", "blended", "gate of", "alone", "added"])
def test_every_activation_in_every_place(act, how):
    rng = np.random.default_rng(5)
    rows = 4 if how in ("conv", "alone", "added") else 8
    a = with_slopes(act, 4)
    first = conv(rng, rows, 1, 3, 2.0, dilation=2)
    last = conv(rng, 1, 4, src=2, dst=3)
    middle = []
    if how in ("conv", "added"):
        first.activation, first.dst = a, 2
    elif how == "alone":
        middle = [L.Activation(a, 1, 2)]
    else:
        first.gate, first.dst = "blended" if how == "blended" else "gated", 2
        first.activation, first.gate_activation = (L.act("tanh"), a) if how == "gate of" else (a, L.act("sigmoid"))
    if how == "added":  # a group of one unit: the activation's is not its own
        middle = [conv(rng, 4, 1, 1, 3.0, dst=4), L.Add(2, 4, 5)]
        last.src = 5
    model = net(first, *middle, last)
    db = quant.compare(model, quant.quantise(model, short()), 0.8 * short(seed=8))
    assert db < -62, f"{act.kind} {how}: {db:.1f} dB"


def test_knobs_film_emphasis_and_two_recurrent_layers():
    rng = np.random.default_rng(6)

    def r(*shape):
        return 0.5 * rng.standard_normal(shape)

    knobs = [("gain", "", 0.0, 10.0, 4.0), ("tone", "", -1.0, 1.0, 0.0)]
    models = {
        "film": net(
            conv(rng, 6, 3, 3), conv(rng, 12, 3, dst=2), L.Film(1, 2, 3),
            conv(rng, 1, 6, src=3, dst=4), L.Add(4, 0, 5), knobs=knobs,
        ),
        "emphasis": net(
            L.Emphasis(0.85, 0, 1), conv(rng, 4, 1, 3, activation="tanh", src=1, dst=2),
            conv(rng, 1, 4, src=2, dst=3), L.Deemphasis(0.85, 3, 4),
        ),
        "gru, lstm": net(
            L.Gru(r(15, 1), r(15, 5), r(15), r(15)), L.Lstm(r(24, 5), r(24, 6), r(24), r(6), r(6), 1, 2),
            conv(rng, 1, 6, src=2, dst=3), L.Add(3, 0, 4),
        ),
    }  # fmt: skip
    for name, model in models.items():
        db = quant.compare(model, quant.quantise(model, short()), 0.8 * short(seed=8))
        assert db < -55, f"{name}: {db:.1f} dB"


def test_signals_that_are_added_have_units_of_their_own():
    rng = np.random.default_rng(9)
    model = net(
        conv(rng, 4, 1, 3, 0.01), conv(rng, 4, 1, 3, 4.0, dst=2), L.Add(1, 2, 3), conv(rng, 4, 4, src=1, dst=4, plus=2),
        conv(rng, 4, 4, src=3, dst=5, side=4, side_weight=rng.standard_normal((4, 4))),
        conv(rng, 1, 4, src=5, dst=7, side=1, side_weight=200 * rng.standard_normal((1, 4))),
    )  # fmt: skip
    model.layers[0].bias *= 0.01
    made = quant.quantise(model, short())
    quiet, loud, total, again = made.layers[:4]
    assert quiet.scale < loud.scale / 20 and total.scale >= loud.scale and again.scale >= loud.scale
    for factor, term, of in ((total.factors[0], quiet, total), (total.factors[1], loud, total), (again.factor, loud, again)):
        assert 1 <= factor <= 16384 and abs(factor - 16384 * term.scale / of.scale) < 0.51, factor
    assert [upm.macs(layer) for layer in made.layers] == [upm.macs(layer) for layer in model.layers]
    db = quant.compare(model, made, 0.8 * short(seed=8))
    assert db < -68, f"{db:.1f} dB"


def test_a_knob_beside_the_audio_costs_a_sum_no_bits():
    rng = np.random.default_rng(10)
    for act in ("linear", "tanh"):
        chain = [conv(rng, 1, 2, 3, 0.3, activation=act), L.Add(1, 0, 2), conv(rng, 3, 1, 3, src=2, dst=3)]
        model = net(*chain, conv(rng, 1, 3, src=3, dst=4), knobs=[("drive", "", 0.0, 5.0, 1.0)])
        made = quant.quantise(model, short())
        assert made.units[0] == 32768, made.units
        db = quant.compare(model, made, 0.8 * short(seed=8))
        assert db < -60, f"{act}: {db:.1f} dB"


# ---- nothing overflows ---------------------------------------------------------------------------


def hostile(rng, rows, cols):
    """Rows of all sizes: tiny, huge, of one weight, of none, of a bias alone."""
    weight = rng.standard_normal((rows, cols)) * 10.0 ** rng.uniform(-6, 6, (rows, 1))
    weight[0], weight[1, 1:], bias = 0.0, 0.0, rng.standard_normal(rows) * 10.0 ** rng.uniform(-6, 6, rows)
    return weight, bias


@pytest.mark.parametrize("cols", [1, 2, 7, 64, 700])
def test_the_worst_input_does_not_overflow(cols):
    rng = np.random.default_rng(cols)
    weight, bias = hostile(rng, 9, cols)
    unit_in = 10.0 ** rng.uniform(-6, -2, cols)
    unit_out = (np.abs(weight) @ unit_in + np.abs(bias) / 32767 + 1e-9) * 2
    seen = rng.standard_normal((cols, 500)).cumsum(1) * 1e-2
    made = quant_rows.quantise(weight, bias, unit_in, unit_out, seen, "test")
    for w, b in zip(made.weight.astype(object), made.bias.astype(object)):
        for sign in (1, -1):  # python integers: these sums cannot wrap
            total = b + sum(v * (-32768 if v * sign < 0 else 32767) for v in w)
            assert -(2**31) <= total < 2**31, (cols, total)
    assert quant_rows.overflow_bound(made) < 2**31 and made.mult.min() >= 0
    x = rng.integers(-32768, 32768, (cols, 200))
    z = (made.weight.astype(np.int64) @ x + made.bias[:, None]) * made.mult[:, None].astype(np.int64) / 2.0**32
    want = (weight @ (x * unit_in[:, None]) + bias[:, None]) / unit_out[:, None]
    assert np.abs(z - want).max() < 32768 * 2e-4 * np.sqrt(cols) + 1, np.abs(z - want).max()


def test_overflow_bound_is_the_worst_sum():
    m = Q.Matrix(np.array([[3, -4], [0, 1]], np.int16), np.array([-5, 7], np.int32), np.zeros(2, np.int32))
    assert quant_rows.overflow_bound(m) == 5 + 7 * 32768


@needs_golden
def test_a_net_survives_full_scale_noise_and_its_file_is_accepted():
    model = convert.read(GOLDEN / "nam" / "a2_lite.nam", warn=lambda text: None)
    made = quant.quantise(model)
    assert max(map(quant_rows.overflow_bound, matrices(made))) < 2**31
    x = np.sign(np.random.default_rng(1).standard_normal(24000)).astype(np.float32)
    db = quant.compare(model, made, x)
    assert db < -20, f"{db:.1f} dB: it wraps instead of limiting"


def test_louder_than_full_scale_is_the_same_as_full_scale():
    model = net(conv(np.random.default_rng(2), 1, 1, 3))
    blob = upm.dumps(quant.quantise(model, short()))
    x = 8 * short(seed=9).astype(np.float32)
    clipped = np.clip(x, -1, 32767 / 32768)
    assert np.array_equal(native.render(blob, x), native.render(blob, clipped))


# ---- rounding and tables -------------------------------------------------------------------------


def test_rounding_follows_the_signal():
    rng = np.random.default_rng(4)
    x = np.convolve(rng.standard_normal(20200), np.ones(40) / 40, "valid")
    seen = np.stack([x[k : k + 20000] for k in range(64)])
    weight, bias = rng.standard_normal((8, 64)), rng.standard_normal(8)
    unit_in, unit_out = np.full(64, np.abs(x).max() / 32767), np.full(8, 8 * np.abs(weight).sum() / 32767)

    def error(made):
        unit = made.mult * unit_out / 2.0**32
        got = unit[:, None] * (made.weight @ (seen / unit_in[:, None]) + made.bias[:, None])
        want = weight @ seen + bias[:, None]
        return 10 * np.log10(((got - want) ** 2).sum() / (want**2).sum())

    plain = error(quant_rows.quantise(weight, bias, unit_in, unit_out, None, "plain"))
    led = error(quant_rows.quantise(weight, bias, unit_in, unit_out, seen, "led"))
    assert led < plain - 6, f"plain {plain:.1f} dB, led by the signal {led:.1f} dB"


@pytest.mark.parametrize(
    ("kind", "domain", "worst"), [("tanh", 8.0, 1.5), ("tanh", 2.0, 1.2), ("sigmoid", 16.0, 1.3), ("softsign", 4.0, 1.5)]
)
def test_a_table_is_within_units_of_its_function(kind, domain, worst):
    table = quant_tables.table(L.Act(kind), domain / 32768, 2.0**-15, -32768 if kind != "sigmoid" else 0)
    x = np.arange(-32768, 32768)
    got = quant_tables.look(table, x)
    want = np.clip(reference.activate(kind, x[None] * (domain / 32768))[0] * 32768, -32768, 32767)
    error = np.abs(got - want).max()
    assert error < worst, f"{kind} ±{domain}: {error:.2f} units"
    assert got.min() >= (0 if kind == "sigmoid" else -32768) and got.max() <= 32767
    assert got[32768] == np.floor(want[32768] + 0.5)


# ---- folding -------------------------------------------------------------------------------------


def test_a_skip_becomes_a_column_of_whole_weight():
    model = upm.load(MODEL)
    made = quant.quantise(model, short(4000))
    last = made.layers[-1]
    assert isinstance(last, Q.QConv1d) and last.wide and last.side == 0 and len(made.layers) == 2
    assert last.matrix.weight[0, -1] * last.scale == pytest.approx(2.0**-15, rel=1e-12)


def test_folding_changes_nothing_that_can_be_heard():
    rng = np.random.default_rng(12)
    first = conv(rng, 5, 1)
    first.bias = np.zeros(5)
    model = net(
        first, conv(rng, 5, 5, 3, activation="tanh", src=1, dst=2), conv(rng, 5, 5, src=2, dst=3, plus=1),
        conv(rng, 1, 5, 2, src=3, dst=1), conv(rng, 1, 1, src=1, dst=4), L.Add(4, 0, 2),
    )  # fmt: skip
    layers, tail = quant_fold.fold(model.layers, 1)
    assert len(layers) == 3 and not tail and all(layer.plus is None for layer in layers)
    x = short(2000)
    want = reference.render(model, x)
    assert np.abs(reference.render(net(*layers), x) - want).max() < 1e-12
    ended = [*model.layers, L.Deemphasis(0.7, 2, 3)]
    layers, tail = quant_fold.fold(ended, 1)
    got = reference.render(net(*layers, *tail), x)
    assert len(tail) == 1 and np.abs(got - reference.render(net(*ended), x)).max() < 1e-12


# ---- q7 ------------------------------------------------------------------------------------------


def test_an_accelerators_net_becomes_a_q7_model():
    from upedal import tcn8

    rng = np.random.default_rng(3)
    weights = [rng.integers(-60, 60, s).astype(np.int8) for s in ((8, 4, 3), (8, 8, 3), (1, 8, 1))]
    layers = [ai8x.Layer(w, None, relu=k == 1, wide=k == 2, output_shift=-2) for k, w in enumerate(weights)]
    inner, front = ai8x.Net(layers), tcn8.FrontEnd(0.9, "shaped", 4, 7, 1, RATE)
    made = quant.from_ai8x(inner, emphasis=0.9, rate_hz=RATE, scale=1e-5, kind="shaped", seed=7, gain=1)
    bound = ai8x.accumulator_bound(layers[-1]) * 2 ** made.layers[-1].shift / (1 - 0.9)
    assert bound < 2**31 and (made.layers[-1].shift == 15 or 2 * bound > 2**31 - 1)
    x = 0.3 * short(3000)
    got = native.render(upm.dumps(made), x, prewarm=0).astype(np.float64)
    want = tcn8.render_q7(inner, front, 1e-5, x)
    settled = slice(inner.receptive_field + 300, None)  # the host's history starts as endless silence
    error = got[settled] - want[settled]
    assert np.sqrt(np.mean(error**2)) < 1e-4 * np.sqrt(np.mean(want**2))


# ---- refusals ------------------------------------------------------------------------------------


def test_refusals_name_the_layer_and_why():
    rng = np.random.default_rng(7)
    steep = L.Act("prelu", (), np.full(4, 1.5, np.float32))
    cases = [
        (net(conv(rng, 4, 1, activation=steep), conv(rng, 1, 4, src=1, dst=2)), "layer 0 (conv1d): PReLU's slope 1.5"),
        (net(L.Deemphasis(0.9, 0, 1), conv(rng, 1, 1, src=1, dst=2)), "layer 0 (deemphasis): de-emphasis inside"),
        (net(conv(rng, 8, 1, 1, 50.0, gate="blended", gate_activation="relu"), conv(rng, 1, 4, src=1, dst=2)), "the blend's relu"),
        (L.Model([], RATE), "expected"),
    ]  # fmt: skip
    for model, text in cases:
        with pytest.raises(UpedalError, match=text.replace("(", r"\(").replace(")", r"\)")):
            quant.quantise(model, short(2000))
    with pytest.raises(UpedalError, match="finite mono"):
        quant.quantise(cases[0][0], np.full(100, np.nan))
    with pytest.raises(UpedalError, match="one wide channel"):
        quant.from_ai8x(ai8x.Net([ai8x.Layer(np.ones((1, 1, 1), np.int8))]), emphasis=0.9, rate_hz=RATE, scale=1.0)


# ---- the command line ----------------------------------------------------------------------------


@pytest.fixture
def take(tmp_path):
    path = tmp_path / "take.wav"
    audio.write(path, 0.5 * short().astype(np.float32), RATE)
    return path


def test_convert_to_q15_says_what_it_lost(tmp_path, take, capsys):
    out = tmp_path / "q.upm"
    assert cli.main(["convert", str(MODEL), str(out), "--arithmetic", "q15", "--calibrate", str(take)]) == 0
    told = capsys.readouterr().out
    made = upm.load(out)
    assert made.arithmetic == "q15" and f"{made.meta['quantised_db']} dB" in told
    assert made.meta["quantised_on"].endswith("take.wav") and float(made.meta["quantised_db"]) < -45
    assert made.meta["name"] == upm.load(MODEL).meta["name"]


def test_convert_refuses_what_integers_cannot_become(tmp_path, capsys):
    whole = tmp_path / "q.upm"
    small = net(conv(np.random.default_rng(1), 1, 1, 3))
    upm.save(pack.quantised(small, short(2000), "noise"), whole)
    before = whole.read_bytes()
    cases = [
        ([str(MODEL), str(tmp_path / "x.json"), "--to", "guitarml", "--arithmetic", "q15"], "floats only"),
        ([str(whole), str(tmp_path / "x.nam")], "convert the f32 file"),
        ([str(whole), str(tmp_path / "x.upm"), "--arithmetic", "f32"], "convert the f32 file"),
        ([str(whole), str(tmp_path / "x.upm"), "--grade", "fast"], "convert the f32 file"),
        ([str(MODEL), str(tmp_path / "x.upm"), "--arithmetic", "q15", "--calibrate", str(tmp_path / "no.wav")], "no.wav"),
    ]
    for args, text in cases:
        assert cli.main(["convert", *args]) == 1, args
        assert text in capsys.readouterr().err, args
    assert not (tmp_path / "x.upm").exists() and whole.read_bytes() == before
    assert cli.main(["convert", str(whole), str(tmp_path / "copy.upm")]) == 0
    x = short(500).astype(np.float32)
    assert np.array_equal(native.render(upm.read_blob(tmp_path / "copy.upm"), x), native.render(before, x))


def test_auto_takes_the_cheaper_and_tells_both(tmp_path, take, capsys, monkeypatch):
    from upedal import cost

    args = ["convert", str(MODEL), str(tmp_path / "a.upm"), "--board", "teensy41", "--calibrate", str(take)]
    for cheap in ("f32", "q15"):
        monkeypatch.setattr(cost, "cycles", lambda m, core, cheap=cheap: 4000.0 if m.arithmetic == cheap else 9000.0)
        assert cli.main(args) == 0
        told = capsys.readouterr().out
        assert upm.load(tmp_path / "a.upm").arithmetic == cheap, told
        assert "4,000" in told and "9,000" in told, told
