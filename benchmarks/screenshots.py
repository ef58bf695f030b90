"""`make screenshots`: writes docs/screenshots/*.png, every page in both languages, from a virtual line.

Runs a demo station, its checks and its page, and looks at it with Chromium as a wall screen would.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.page_station import ADMIN, RunningPage, running_page

_OUT = Path(__file__).parent.parent / "docs" / "screenshots"
PAGES = {
    "live": "/",
    "inspections": "/inspections",
    "inspection": "/inspections/4",
    "rolls": "/rolls",
    "roll": "/roll?lot=VIRTUAL-LOT&roll=ROLL-1",
    "calibration": "/calibration",
    "alarms": "/alarms",
    "models": "/models",
    "health": "/health",
    "people": "/people",
    "account": "/account",
}

_CHECKS = (("calibrate", "white"), *[("calibrate", "check", "--standard", kind) for kind in
           ("tile", "wavelength", "tile", "wavelength", "tile")])  # fmt: skip
_BROKER_THAT_IS_AWAY = '[mqtt]\nhost = "127.0.0.1"\nport = 9\n'  # so that there is an alarm


def main() -> None:
    """Make all pictures."""
    _OUT.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        running_page(Path(scratch), 3.0, _BROKER_THAT_IS_AWAY, _CHECKS) as page,
    ):
        page.wait_for_inspections(9)
        with _browser(page) as tab:
            for language in ("zh", "en"):
                tab.goto(f"{page.address}/language/{language}?to=/account")
                for name, address in PAGES.items():
                    tab.goto(page.address + address)
                    tab.wait_for_load_state("load")
                    time.sleep(1.0)  # the feed fills the bar
                    picture = _OUT / f"{name}-{language}.png"
                    tab.screenshot(path=picture, full_page=name != "live")
                    _with_few_colours(picture)
    print(f"{2 * len(PAGES)} pictures in {_OUT}")


def _with_few_colours(picture: Path) -> None:
    """Make a picture a third as large; every clone of the repository carries all of them."""
    Image.open(picture).convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(
        picture, optimize=True
    )


@contextmanager
def _browser(page: RunningPage) -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_context(viewport={"width": 1920, "height": 1080}, locale="en-US").new_page()
        tab.goto(f"{page.address}/login")
        tab.get_by_label("Name").fill(ADMIN)
        tab.get_by_label("Password").fill(page.password)
        tab.get_by_role("button", name="Log in").click()
        tab.wait_for_selector("nav")
        yield tab
        browser.close()


if __name__ == "__main__":
    main()
