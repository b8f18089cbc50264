"""A headless Chromium for the report's tests: no network, a new profile, errors kept."""

import contextlib
import json
import shutil

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip


def missing():
    """What of the browser this machine lacks, as text; empty where it can run."""
    found = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    return ", ".join(name for name, path in found.items() if not path)


@contextlib.contextmanager
def chromium(profile):
    """A selenium driver on a new empty profile folder."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def before_page(driver, script):
    """Runs a script ahead of those of every page opened from now on."""
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})


def size(driver, width, height=900):
    """Sets the page's size, in CSS pixels, even below what a window may have."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def prefer(driver, scheme):
    """ "light" or "dark", as the system would say it."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def requests(driver):
    """The addresses of what was asked for since the last call, data URIs left out."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [m for m in messages if m["method"] == "Network.requestWillBeSent"]
    found = [m["params"]["request"]["url"] for m in sent]
    return [url for url in found if not url.startswith("data:")]


def errors(driver):
    """The console's warnings and errors since the last call."""
    return [e["message"] for e in driver.get_log("browser") if e["level"] in ("WARNING", "SEVERE")]
