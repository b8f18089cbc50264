"""The report in a real browser: it plays, switches, tests ears by keyboard, fits a telephone, asks for nothing."""

import math
import os
import time

import browser
import numpy as np
import pytest
from report_case import case
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from upedal import report

# Ahead of the page: what reaches the speakers is measured, and X is A, B, B, A, ... in turn.
LISTEN = """
(() => {
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode) {
      const meter = window.meter = this.context.createAnalyser();
      meter.fftSize = 32768;
      connect.call(this, meter);
    }
    return connect.call(this, to, ...rest);
  };
  // What is played from now on for so many seconds of the audio's own clock, which a busy machine delays.
  window.record = async (seconds) => {
    const { context } = window.meter, from = context.currentTime;
    while (context.currentTime < from + seconds) await new Promise((done) => setTimeout(done, 10));
    const all = new Float32Array(window.meter.fftSize);
    window.meter.getFloatTimeDomainData(all);
    return all.slice(-Math.ceil((context.currentTime - from) * context.sampleRate));
  };
  window.draws = [0, 1, 1, 0, 1, 0, 0, 1];
  crypto.getRandomValues = (array) => { array[0] = window.draws.shift(); return array; };
})();
"""
X = "ABBABAAB"
SCHEMES = {"light": "rgb(248, 245, 238)", "dark": "rgb(22, 21, 19)"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """report.html of a real training, and index.html that links to it."""
    folder = tmp_path_factory.mktemp("pages")
    result, dry, target, output, play = case()
    report.write_model(
        folder / "report.html", result, dry=dry, target=target, output=output, play=play
    )
    rows = [
        {**result, "name": gear, "recipe": {"name": recipe}, "quantised": None, "test_esr": esr,
         "instructions_per_sample": cost, "report": folder / "report.html"}
        for gear, recipe, esr, cost in
        (("amp", "gru-16", 0.05, 1700), ("amp", "gru-40", 0.02, 7800), ("fuzz", "gru-16", 0.11, 1750), ("a_very_long_name_without_a_space_in_it_at_all", "gru-40", 0.12, 7800))
    ]  # fmt: skip
    report.write_index(
        folder / "index.html", [*rows, {"name": "broken", "error": "wet.wav is silent"}]
    )
    return folder


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    if lacking := browser.missing():
        why = f"missing: {lacking}; run: make setup"
        if os.environ.get("UPEDAL_REQUIRE_TOOLCHAIN") == "1":
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    with browser.chromium(tmp_path_factory.mktemp("profile")) as driver:
        browser.before_page(driver, LISTEN)
        yield driver


@pytest.fixture
def page(driver, folder):
    """The report, freshly opened; afterwards nothing was asked for and nothing complained of."""
    yield from opened(driver, folder / "report.html")


@pytest.fixture
def index(driver, folder):
    yield from opened(driver, folder / "index.html")


def opened(driver, path):
    browser.size(driver, 1200)
    browser.prefer(driver, "light")
    driver.get("about:blank")
    browser.requests(driver)
    browser.errors(driver)
    driver.get(path.as_uri())
    driver.execute_script("try { localStorage.clear(); } catch {}")
    yield driver
    assert set(browser.requests(driver)) <= {path.as_uri(), (path.parent / "report.html").as_uri()}
    assert browser.errors(driver) == []


def by(page, selector):
    return page.find_element(By.CSS_SELECTOR, selector)


def press(page, keys):
    page.switch_to.active_element.send_keys(keys)


def until(what, seconds=8):
    """The first true value of what(), polled."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)
    return found


def clock(page):
    return float(by(page, "#clock").text)


LEVEL = """
  const done = arguments[0];
  record(0.3).then((x) => x.slice(-8192)).then((x) => done(Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length)));
"""


def level_db(page):
    """What reaches the speakers, dB, over 8192 frames after the last switch is through."""
    return 20 * math.log10(page.execute_async_script(LEVEL) + 1e-9)


def heard(page):
    return [
        b.get_attribute("data-take")
        for b in page.find_elements(By.CSS_SELECTOR, '[data-take][aria-pressed="true"]')
    ]


def test_it_plays_a_real_model_and_pauses(page):
    by(page, "#play").click()
    until(lambda: clock(page) > 0.2)
    for take in ("target", "model", "null", "dry"):
        by(page, f'[data-take="{take}"]').click()
        assert heard(page) == [take]
        assert level_db(page) > -80, take
    by(page, "#play").click()
    until(lambda: level_db(page) < -80)
    here = clock(page)
    time.sleep(0.15)
    assert clock(page) == here


# Of a press of a key: the largest step between samples, the least value, and the middle one of the last 0.1 s.
# A machine so busy that the recorder lost the beginning is asked again: every press dips anew.
JUMPS = """
  const [press, done] = arguments;
  (async () => {
    let x = [];
    for (let tries = 0; tries < 50 && !(x.length && x.length < meter.fftSize); tries++) {
      const recorded = record(0.2);
      document.getElementById("listen").dispatchEvent(new KeyboardEvent("keydown", { key: press }));
      x = await recorded;
    }
    let jump = 0, least = 1;
    for (let k = 1; k < x.length; k++) {
      jump = Math.max(jump, Math.abs(x[k] - x[k - 1]));
      least = Math.min(least, Math.abs(x[k]));
    }
    done([jump, least, x.slice(-4410).sort()[2205]]);
  })();
"""


NOW = "return [meter.context.currentTime, +document.getElementById('clock').textContent]"


@pytest.fixture
def steady(driver, tmp_path):
    """A report whose target is 0.5 throughout and whose model -0.5: a hard switch would jump by 1."""
    target = np.full(4 * 44100, 0.5, np.float32)
    path = report.write_model(
        tmp_path / "report.html", {"rate_hz": 44100}, target=target, output=-target
    )
    yield from opened(driver, path)


def test_each_button_lets_its_own_take_through(steady):
    by(steady, "#play").click()
    until(lambda: clock(steady) > 0.1)
    now = {key: steady.execute_async_script(JUMPS, key)[2] for key in "abn"}
    # The null, 0.5 + 0.5, sets the gain common to all that keeps it from clipping.
    assert now == pytest.approx({"a": 0.495, "b": -0.495, "n": 0.99}, abs=0.005)


def test_every_switch_dips_alike_without_a_jump_be_x_what_it_may(steady):
    by(steady, "#blind").click()
    until(lambda: clock(steady) > 0.3)
    began = steady.execute_script(NOW)
    for is_x in X[:3]:  # A, B, B
        for key in "axbxa":
            jump, least, _ = steady.execute_async_script(JUMPS, key)
            assert jump < 0.01 and least < 0.01, f"X is {is_x}, key {key}"
        by(steady, '[data-answer="target"]').click()
    (t0, at0), (t1, at1) = began, steady.execute_script(NOW)
    apart = (at1 - at0 - (t1 - t0)) % 4
    assert min(apart, 4 - apart) < 0.5, "the place is kept through every switch"


def test_the_seek_bar_moves_the_place_by_keyboard(page):
    seek = by(page, "#seek")
    seek.send_keys(Keys.END)
    assert clock(page) == pytest.approx(float(seek.get_attribute("max")), abs=0.11)
    seek.send_keys(Keys.HOME)
    assert clock(page) == 0.0


def answers(page, keys):
    """Starts the test of eight by keyboard alone and answers; the score's text after each."""
    by(page, "#trials").send_keys("8")
    by(page, "#blind").send_keys(Keys.ENTER)
    said = []
    for key in keys:
        for listened in "abx":
            press(page, listened)
        assert heard(page) == ["x"]
        press(page, key)
        said.append(by(page, "#score").text)
    return said


def test_the_blind_test_counts_right_answers_and_says_the_odds(page):
    said = answers(page, X.translate({65: "1", 66: "2"}))
    assert said[0] == "Right: 1 of 1 so far, p = 0.500. Trial 2 of 8."
    assert said[-1].startswith("8 of 8 right, p = 0.004: you hear a difference.")
    assert not by(page, "#answers").is_displayed()


def test_the_blind_test_of_a_guesser_proves_nothing(page):
    said = answers(page, "11111111")
    right = X.count("A")
    p = sum(math.comb(8, k) for k in range(right, 9)) / 2**8
    assert said[1].startswith("Wrong: 1 of 2 so far, p = 0.750.")
    assert said[-1].startswith(
        f"{right} of 8 right, p = {p:.3f}: no proof that you hear a difference."
    )


SNAPSHOT = """
  const copy = document.getElementById("listen").cloneNode(true);
  for (const part of copy.querySelectorAll("#score, #clock, #head, audio")) part.remove();
  return copy.outerHTML;
"""


def test_nothing_gives_x_away_during_the_test(page):
    answers(page, "")
    until(lambda: by(page, "#play").text == "Pause")
    press(page, "x")
    is_a = page.execute_script(SNAPSHOT)
    press(page, "1")
    is_b = page.execute_script(SNAPSHOT)
    assert is_a == is_b
    for key in "nd":
        press(page, key)
    assert heard(page) == ["x"] and not by(page, '[data-take="null"]').is_displayed()
    status = by(page, "#score")
    assert (status.get_attribute("role"), status.get_attribute("aria-live")) == (
        "status",
        "polite",
    )
    by(page, "#blind").click()
    assert status.text.startswith("1 of 1 right, p = 0.500: no proof")
    assert heard(page) == ["target"]


def test_x_is_what_was_drawn(steady):
    by(steady, "#blind").click()
    until(lambda: clock(steady) > 0.3)
    for is_x in X[:4]:
        now = {key: steady.execute_async_script(JUMPS, key)[2] for key in "abx"}
        assert now["a"] == pytest.approx(0.5, abs=0.01) and now["b"] == pytest.approx(
            -0.5, abs=0.01
        )
        assert now["x"] == pytest.approx(now[is_x.lower()], abs=0.01)
        by(steady, '[data-answer="model"]').click()


def background(page):
    return page.execute_script("return getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_colours_follow_the_system_and_the_button(page, scheme):
    browser.prefer(page, scheme)
    assert background(page) == SCHEMES[scheme]
    by(page, "#theme").click()
    other = next(name for name in SCHEMES if name != scheme)
    assert background(page) == SCHEMES[other]
    assert contrast(page) > 7
    page.execute_script("localStorage.clear()")


def contrast(page):
    """WCAG's ratio between the body's text and its ground."""

    def light(value):
        rgb = [int(v) / 255 for v in value[4:-1].split(",")]
        return np.dot(
            [0.2126, 0.7152, 0.0722],
            [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb],
        )

    ink = light(page.execute_script("return getComputedStyle(document.body).color"))
    low, high = sorted((ink, light(background(page))))
    return (high + 0.05) / (low + 0.05)


def width(page):
    """Of the page's content, in pixels; the window's own grows with it on a telephone."""
    return page.execute_script("return document.documentElement.scrollWidth")


def test_it_fits_a_telephone(page):
    browser.size(page, 360, 740)
    assert width(page) <= 360
    small = page.execute_script("""
      return [...document.querySelectorAll("button")].filter((b) => b.offsetParent && b.offsetHeight < 40).map((b) => b.textContent)
    """)
    assert small == [], "buttons a thumb would miss"


def test_the_index_fits_a_telephone(index):
    browser.size(index, 360, 740)
    assert width(index) <= 360


def test_every_control_has_a_name_and_shows_the_focus(page):
    nameless = page.execute_script("""
      return [...document.querySelectorAll("button, input, select, audio, [role=img], [role=region]")].filter((e) =>
        !(e.getAttribute("aria-label") || e.textContent.trim() || e.closest("label"))).map((e) => e.outerHTML.slice(0, 80));
    """)
    assert nameless == []
    press(page, Keys.TAB)
    seen = []
    for _ in range(14):
        active = page.switch_to.active_element
        seen.append(
            active.get_attribute("id") or active.get_attribute("data-take") or active.tag_name
        )
        ring = page.execute_script(
            "const e = document.activeElement, s = getComputedStyle(e), o = getComputedStyle(e.parentElement);"
            "return s.outlineStyle !== 'none' || o.outlineStyle !== 'none'"
        )
        assert ring, f"no visible focus on {seen[-1]}"
        press(page, Keys.TAB)
    assert "theme" in seen


def test_the_table_sorts_and_filters_and_leads_to_the_report(index):
    def column(k):
        cells = index.find_elements(
            By.CSS_SELECTOR, f"#models tbody tr:not([hidden]) > :nth-child({k})"
        )
        return [cell.text.split("\n")[0] for cell in cells]

    assert column(3) == ["2.00 %", "5.00 %", "11.0 %", "12.0 %", "–"]
    button = index.find_elements(By.CSS_SELECTOR, "#models thead button")[4]
    button.send_keys(Keys.ENTER)
    assert column(5) == ["1,700", "1,750", "7,800", "7,800", "–"]
    button.send_keys(Keys.ENTER)
    assert column(5) == ["7,800", "7,800", "1,750", "1,700", "–"]
    by(index, "#filter").send_keys("fuzz")
    assert column(1) == ["fuzz"]
    assert by(index, "#count").text == "1 shown"
    by(index, "#models tbody tr:not([hidden]) a").click()
    until(lambda: index.title == "Test drive – upedal")
