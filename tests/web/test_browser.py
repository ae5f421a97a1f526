"""The pages in a real browser: readable in any light and width, usable by keyboard, and quiet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from playwright.async_api import expect

from tests.e2e.harness import serving
from tests.web.boards import HOSTILE, application, full
from tests.web.browser import FAULTS, chromium, demo, wait_for, window

Scheme = Literal["light", "dark"]
LOOKS: tuple[tuple[Scheme, int], ...] = (("light", 1280), ("dark", 1280), ("light", 360), ("dark", 320))


async def test_readable_in_any_light_and_width(tool: Callable[[str], str]) -> None:
    """Both control planes, in light and dark, on a screen and on a phone: content, contrast, width, no complaint."""
    async with demo() as address, chromium(tool("chromium")) as browser:
        found = await wait_for(address, bool)
        ones = {one["source"]: one for one in found}
        grounds = set()
        for scheme, width in LOOKS:
            async with window(browser, width=width, scheme=scheme) as (page, complaints):
                await page.goto(f"{address}/?refresh=off")
                await expect(page.get_by_role("heading", level=1)).to_have_text("Pipelines")
                await expect(page.get_by_role("row")).to_have_count(len(found) + 1)
                assert await page.evaluate(FAULTS) == []
                grounds.add((scheme, await page.evaluate("getComputedStyle(document.body).backgroundColor")))
                for source, one in ones.items():
                    await page.goto(f"{address}/pipelines/{source}/{one['pipeline']}?refresh=off")
                    await expect(page.get_by_role("heading", level=1)).to_contain_text(one["pipeline_name"])
                    await expect(page.get_by_role("img", name=f"health of {one['pipeline_name']}")).to_be_visible()
                    assert await page.evaluate(FAULTS) == []
                assert complaints == []
        assert len(grounds) == 2


async def test_by_keyboard(tool: Callable[[str], str]) -> None:
    """The way past the header comes first; a search needs no mouse; a row leads to its pipeline and back."""
    async with (
        demo(status_series="sparse") as address,
        chromium(tool("chromium")) as browser,
        window(browser) as (page, complaints),
    ):
        await page.goto(address)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        await page.get_by_role("searchbox").fill("FRAUD")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("row")).to_have_count(2)
        await page.get_by_role("link", name="fraud-scoring").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("fraud-scoring")
        await page.get_by_role("link", name="Pipelines", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Pipelines")
        await page.get_by_role("link", name="healthy", exact=False).first.click()
        await expect(page.locator(".counts a[aria-current]")).to_contain_text("healthy")
        assert complaints == []


async def test_hostile_text_does_nothing(tool: Callable[[str], str]) -> None:
    """Names that are markup run no script and load nothing; names of any length fit on a phone."""
    board = full(HOSTILE[0])
    for text in HOSTILE[1:]:
        one = full(text).shown[0]
        board.shown[0].facts.pipelines |= one.facts.pipelines
        board.shown[0].facts.history.pipelines |= one.facts.history.pipelines
    async with (
        serving(await application(board)) as address,
        chromium(tool("chromium")) as browser,
        window(browser, width=360) as (page, complaints),
    ):
        await page.goto(address)
        links = await page.locator("tbody a").evaluate_all("all => all.map((a) => a.href)")
        assert len(links) == len(HOSTILE)
        assert await page.evaluate(FAULTS) == []
        for link in links:
            await page.goto(link)
            await expect(page.get_by_role("heading", level=2).first).to_have_text("Firing alerts")
            assert await page.evaluate(FAULTS) == []
        assert complaints == []


async def test_the_check_of_contrast_and_width_can_fail(tool: Callable[[str], str]) -> None:
    """Grey on white and a box wider than the window are found."""
    async with chromium(tool("chromium")) as browser, window(browser, width=360) as (page, _):
        await page.set_content('<body><p style="color:#999;width:500px">pale and wide</p></body>')
        faults = await page.evaluate(FAULTS)
        assert [fault.partition(" ")[2] for fault in faults if "contrast" in fault] == ["contrast 2.85"]
        assert any("too wide" in fault for fault in faults)
