"""The pages in a real browser: readable in any light and width, usable by keyboard, and quiet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from playwright.async_api import expect

from exporter.model import DeploymentError
from exporter.web.board import FiringAlert
from tests.e2e.harness import serving
from tests.web.boards import HOSTILE, NOW, FakeBoard, application, down, event, full, past, pipeline, source
from tests.web.browser import FAULTS, SMALL, chromium, demo, photograph, wait_for, window

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
        links = await page.locator("tbody th a:first-child").evaluate_all("all => all.map((a) => a.href)")
        assert len(links) == len(HOSTILE)
        assert await page.evaluate(FAULTS) == []
        for link in links:
            await page.goto(link)
            await expect(page.get_by_role("heading", level=2).first).to_have_text("Firing alerts")
            assert await page.evaluate(FAULTS) == []
        assert complaints == []


async def test_a_page_loads_itself_without_disturbing_whoever_uses_it(tool: Callable[[str], str]) -> None:
    """What is typed, focused or scrolled to stays; what is said to be of now is, or is said to be old."""
    board = FakeBoard(source(*(pipeline(f"p{number:02}") for number in range(30))))
    async with chromium(tool("chromium")) as browser, window(browser) as (page, complaints):
        async with serving(await application(board)) as address:
            await page.clock.install()
            await page.goto(f"{address}/?refresh=10")
            links = page.get_by_role("row").get_by_role("link")
            await expect(links).to_have_count(30)
            await page.get_by_role("link", name="p29").focus()
            place = await page.evaluate("scrollY")
            board.shown = [source(*(pipeline(f"p{number:02}") for number in range(31)))]
            await page.clock.run_for(11_000)
            await expect(links).to_have_count(31)
            await expect(page.get_by_role("link", name="p29")).to_be_focused()
            assert await page.evaluate("scrollY") == place > 0
            await page.get_by_role("searchbox").press_sequentially("ord")
            board.shown = [source(pipeline())]
            await page.clock.run_for(11_000)
            await expect(page.get_by_text("Not loaded again while")).to_be_visible()
            await expect(page.get_by_role("searchbox")).to_be_focused()
            await expect(links).to_have_count(31)
            await page.get_by_role("heading", level=1).click()
            await page.clock.run_for(11_000)
            await expect(links).to_have_count(1)
            await expect(page.get_by_role("searchbox")).to_have_value("ord")
            await expect(page.get_by_text("Not loaded again while")).to_be_hidden()
            assert complaints == []
        await page.clock.run_for(11_000)
        await expect(page.get_by_role("alert")).to_have_text("The exporter does not answer: what is shown here is old.")
        await expect(links).to_have_count(1)


async def test_without_script_the_browser_loads_a_page_again(tool: Callable[[str], str]) -> None:
    """Nothing but the courtesy of the script is lost."""
    board = FakeBoard(source(pipeline("one")))
    async with serving(await application(board)) as address, chromium(tool("chromium")) as browser:
        page = await browser.new_page(java_script_enabled=False)
        await page.goto(f"{address}/?refresh=5")
        board.shown = [source(pipeline("two"))]
        await expect(page.get_by_role("link", name="two")).to_be_visible(timeout=30_000)


async def test_the_script_stops_when_the_page_is_another_one(tool: Callable[[str], str]) -> None:
    """A pipeline that is gone, and one that comes back: the page is loaded as a whole, and looks again by itself."""
    board = FakeBoard(source(pipeline()))
    async with (
        serving(await application(board)) as address,
        chromium(tool("chromium")) as browser,
        window(browser) as (page, _),
    ):
        await page.clock.install()
        await page.goto(f"{address}/pipelines/prod/id-orders?refresh=5")
        board.shown = [down(pipeline(), hidden=True, poll_interval=1)]
        await page.clock.run_for(6_000)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Not available now")
        board.shown = [source(pipeline())]
        await expect(page.get_by_role("heading", level=1)).to_contain_text("orders", timeout=30_000)


async def test_on_a_phone(tool: Callable[[str], str]) -> None:
    """What can be touched is large enough, no word is broken, and fifty events are no endless page."""
    error = DeploymentError("RuntimeError.WorkerPanic", "the worker panicked")
    shown = source(pipeline(health="failed", error=error, why="the deployment failed: RuntimeError.WorkerPanic"))
    past(shown, "id-orders", *(event(i, 4000 - 60 * i, ("Running", "Unavailable")[i % 2]) for i in range(60)))
    board = FakeBoard(shown)
    board.about = [FiringAlert("PipelineDeploymentError", "critical", NOW - 60, "text", "https://example.com/a.md")]
    async with (
        serving(await application(board)) as address,
        chromium(tool("chromium")) as browser,
        window(browser, width=360) as (page, complaints),
    ):
        for path in ("/", "/pipelines/prod/id-orders"):
            await page.goto(address + path)
            assert await page.evaluate(SMALL) == []
            assert await page.evaluate(FAULTS) == []
            code = page.locator(".code").first
            assert await code.evaluate("element => element.getClientRects().length") == 1
        assert await page.evaluate("document.documentElement.scrollHeight") < 6000
        assert await page.get_by_text("now", exact=True).evaluate("e => e.getBoundingClientRect().height") < 24
        assert complaints == []


async def test_the_chosen_filter_shows_in_forced_colours(tool: Callable[[str], str]) -> None:
    """Whoever reads with colours of their own sees which filter is on."""
    async with (
        serving(await application(FakeBoard(source(pipeline())))) as address,
        chromium(tool("chromium")) as browser,
        window(browser) as (page, _),
    ):
        await page.emulate_media(forced_colors="active")
        await page.goto(f"{address}/?health=healthy")
        marks = await page.locator(".counts a").evaluate_all("all => all.map((a) => getComputedStyle(a).outlineStyle)")
        assert (marks.count("solid"), marks[5]) == (1, "solid")


async def test_a_picture_of_each_page(tool: Callable[[str], str], tmp_path: Path) -> None:
    """What is taken for the documentation is a picture of something: of its size, and not blank."""
    async with (
        serving(await application(full("orders"))) as address,
        chromium(tool("chromium")) as browser,
        window(browser, height=880) as (page, _),
    ):
        for name, path in {"board": "/", "pipeline": "/pipelines/prod/orders"}.items():
            await page.goto(address + path)
            found = await photograph(browser, page, tmp_path / f"{name}.png")
            assert (found["width"], found["height"]) == (1280, 880)
            assert found["colours"] > 20
        await page.set_content("<p hidden>nothing</p>")
        assert (await photograph(browser, page, tmp_path / "blank.png"))["colours"] == 1


async def test_the_check_of_contrast_and_width_can_fail(tool: Callable[[str], str]) -> None:
    """Grey on white and a box wider than the window are found."""
    async with chromium(tool("chromium")) as browser, window(browser, width=360) as (page, _):
        await page.set_content('<body><p style="color:#999;width:500px">pale and wide</p></body>')
        faults = await page.evaluate(FAULTS)
        assert [fault.partition(" ")[2] for fault in faults if "contrast" in fault] == ["contrast 2.85"]
        assert any("too wide" in fault for fault in faults)
