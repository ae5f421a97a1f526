"""The pages in Chromium, on simulated control planes.

``python -m tests.web.browser`` writes the pictures of docs/pages.md.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import httpx
import yaml
from playwright.async_api import Browser, Page, async_playwright

from exporter.demo.servers import KINDS
from tests.e2e.harness import exporting, serving

IMAGES = Path(__file__).parents[2] / "docs" / "images"
_WAIT_SECONDS = 180

FAULTS = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faults = [];
  for (const element of document.body.querySelectorAll('*')) {
    const told = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!told || element.closest('svg') || !element.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faults.push(`${element.className || element.tagName}: contrast ${contrast.toFixed(2)}`);
  }
  const wide = document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth;
  if (wide > 0) faults.push(`${wide} pixels too wide`);
  return faults;
}"""
"""Text that is hard to read (WCAG 2 AA asks for a contrast of 4.5), and a page that is wider than the window."""


SMALL = """() => [...document.querySelectorAll('a, button, select, input')]
  .filter((element) => element.checkVisibility() && !element.matches('.skip, dd a'))
  .filter((element) => element.getBoundingClientRect().height < 24)
  .map((element) => element.outerHTML)"""
"""What is hard to hit with a finger (WCAG 2.2 asks for 24 pixels, but for links within a sentence)."""

COLOURS = """async (picture) => {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${picture}`)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
  canvas.drawImage(image, 0, 0);
  const data = new Uint32Array(canvas.getImageData(0, 0, image.width, image.height).data.buffer);
  return {width: image.width, height: image.height, colours: new Set(data).size};
}"""
"""The size of a picture, and how many colours there are in it: a blank page has one."""


async def photograph(browser: Browser, page: Page, path: Path) -> dict[str, int]:
    """A picture of what a window shows, in a file; its width, height and number of colours."""
    picture = base64.b64encode(await page.screenshot(path=path)).decode()
    async with window(browser) as (blank, _):
        found: dict[str, int] = await blank.evaluate(COLOURS, picture)
    return found


@contextlib.asynccontextmanager
async def demo(*, status_series: str = "dense") -> AsyncIterator[str]:
    """An exporter on both simulated control planes, with their histories read; its address."""
    async with contextlib.AsyncExitStack() as stack:
        sources = []
        for kind, simulate in KINDS.items():
            simulated = simulate(24, 0)
            url = await stack.enter_async_context(serving(simulated.app))
            sources.append({"name": f"demo-{kind}", "type": kind, "url": url, "poll_interval": "1s", **simulated.keys})
        text = yaml.safe_dump({"sources": sources, "metrics": {"status_series": status_series}})
        config = text.replace("{", "{{").replace("}", "}}")
        exporter = await stack.enter_async_context(exporting("", config=config))
        await wait_for(exporter.address, lambda found: all(one["last_event_at"] for one in found))
        yield exporter.address


@contextlib.asynccontextmanager
async def chromium(path: str) -> AsyncIterator[Browser]:
    """Debian's browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def window(
    browser: Browser, *, width: int = 1280, height: int = 900, scheme: Literal["light", "dark"] = "light"
) -> AsyncIterator[tuple[Page, list[str]]]:
    """A window, and a list that grows with everything the browser complains about."""
    context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
    page, complaints = await context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
    try:
        yield page, complaints
    finally:
        await context.close()


async def wait_for(address: str, good: Any) -> list[dict[str, Any]]:
    """The pipelines as the API tells them, as soon as they are ``good``."""
    end = time.monotonic() + _WAIT_SECONDS
    async with httpx.AsyncClient(base_url=address) as client:
        while True:
            found: list[dict[str, Any]] = (await client.get("/api/v1/pipelines?page_size=1000")).json()["pipelines"]
            if found and good(found):
                return found
            assert time.monotonic() < end, f"not within {_WAIT_SECONDS} s"
            await asyncio.sleep(0.2)


async def pictures(path: str) -> None:
    """Write docs/images/board.png and pipeline.png, once a pipeline has failed."""
    async with demo() as address, chromium(path) as browser:
        found = await wait_for(address, lambda found: any(one["error"] for one in found))
        failed = next(one for one in found if one["error"])
        pages = {"board": "/", "pipeline": f"/pipelines/{failed['source']}/{failed['pipeline']}?range=15m"}
        IMAGES.mkdir(exist_ok=True)
        for name, place in pages.items():
            async with window(browser, height=880) as (page, _):
                await page.goto(f"{address}{place}")
                await page.screenshot(path=IMAGES / f"{name}.png")
                print(IMAGES / f"{name}.png")


if __name__ == "__main__":
    chosen = shutil.which("chromium") or sys.exit("chromium is not installed")
    asyncio.run(pictures(chosen))
