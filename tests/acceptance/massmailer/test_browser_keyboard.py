"""The head and the menus of the admin without a mouse, and with one that presses while a page still loads."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page, Route, expect

from tests.acceptance.massmailer.test_browser_admin import Open, Watched, browser, pytestmark, visit  # noqa: F401
from tests.people import a_campaign
from tracking.hooks import endpoints
from tracking.models import WebhookEndpoint

HEAD_LINKS = "#header-inner li a"
ENTRY = "#nav-sidebar-apps a.active"
# of each link in the head: its name, and the name of the link that lies where `places` says
UNDER = """(places) => places.map(([name, x, y]) =>
    [name, document.elementFromPoint(x, y)?.closest("a")?.textContent.trim().split(/\\s+/).slice(1).join(" ")])"""


def a_webhook_page() -> str:
    endpoint = WebhookEndpoint(name="Shop", url="https://hooks.example.com/", kinds=["email.opened"])
    endpoints.create(endpoint)
    return reverse("admin:tracking_webhookendpoint_change", args=[endpoint.pk])


def open_without_fonts(watched: Watched, address: str) -> list[Route]:
    """The requests for fonts, which wait until they are told to go on."""
    held: list[Route] = []
    watched.page.route("**/*.woff2", lambda route: held.append(route))
    watched.page.goto(watched.home + address, wait_until="commit")
    expect(watched.page.locator(HEAD_LINKS).first).to_be_visible()
    return held


def let_come(page: Page, held: list[Route]) -> None:
    page.unroute("**/*.woff2")
    for route in held:
        route.continue_()
    page.wait_for_function(
        "document.fonts.status === 'loaded' && document.fonts.check('1em Material Symbols Outlined')"
    )
    # what the fonts change is laid out by then
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def middle(link: Locator) -> tuple[float, float]:
    box = link.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_button_stays_where_it_is_when_the_fonts_come(visit: Open) -> None:  # noqa: F811
    for address in (a_webhook_page(), reverse("admin:campaigns_campaign_change", args=[a_campaign().pk])):
        watched = visit()
        held = open_without_fonts(watched, address)
        links = watched.page.locator(HEAD_LINKS).all()
        places = [(link.inner_text().split("\n")[-1].strip(), *middle(link)) for link in links]

        let_come(watched.page, held)

        assert len(places) > 4
        for name, found in watched.page.evaluate(UNDER, places):
            assert found
            assert name.endswith(found)


def test_a_press_that_began_before_the_fonts_came_is_a_press(visit: Open) -> None:  # noqa: F811
    watched = visit()
    held = open_without_fonts(watched, a_webhook_page())
    page = watched.page
    page.mouse.move(*middle(page.locator("#header-inner").get_by_role("link", name="Deliveries")))
    page.mouse.down()
    let_come(page, held)
    page.mouse.up()

    expect(page).to_have_url(re.compile("/webhookdelivery/"))


def test_the_entries_of_the_menu_stay_where_they_are_while_a_page_loads(visit: Open) -> None:  # noqa: F811
    watched = visit()
    held = open_without_fonts(watched, a_webhook_page())
    entry = watched.page.locator(ENTRY)
    expect(entry).to_be_in_viewport()
    place = middle(entry)

    let_come(watched.page, held)
    watched.page.wait_for_load_state("load")

    assert middle(entry) == pytest.approx(place, abs=2)


def tab_to(page: Page, target: Locator, most: int = 15) -> None:
    """Press Tab until `target` has the focus, and see that it shows it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if target.evaluate("(node) => node === document.activeElement"):
            break
    expect(target).to_be_focused()
    outline = target.evaluate("(node) => getComputedStyle(node).outlineStyle + getComputedStyle(node).outlineWidth")
    assert outline == "solid2px"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_action_of_the_head_is_reached_and_done_by_the_keyboard(visit: Open, scheme: Any) -> None:  # noqa: F811
    page = visit(scheme=scheme).open(a_webhook_page())
    head = page.locator("#header-inner")
    skip = page.get_by_role("link", name="Skip the menu")

    page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    expect(skip).to_have_css("clip-path", "none")
    page.keyboard.press("Enter")
    action = head.get_by_role("link", name="Send a test")
    tab_to(page, action)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Post")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(action).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Post")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_text("webhook.test").first).to_be_visible()


def test_a_link_of_the_head_that_leads_away_is_followed_by_the_keyboard(visit: Open) -> None:  # noqa: F811
    page = visit().open(a_webhook_page())
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    tab_to(page, page.locator("#header-inner").get_by_role("link", name="Deliveries"))

    with page.expect_navigation(url="**/webhookdelivery/**"):
        page.keyboard.press("Enter")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_menu_of_the_account_opens_and_closes_by_keys(visit: Open, key: str, scheme: Any) -> None:  # noqa: F811
    page = visit(scheme=scheme).open(reverse("admin:index"))
    toggle = page.locator("#nav-sidebar-inner [aria-expanded]", has_text="boss@example.com")
    light = page.get_by_role("button", name="Light")
    expect(toggle).to_have_attribute("aria-expanded", "false")
    toggle.focus()

    page.keyboard.press(key)
    expect(light).to_be_focused()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    tab_to(page, page.get_by_role("button", name="Log out"))
    page.keyboard.press("Escape")
    expect(light).to_be_hidden()
    expect(toggle).to_be_focused()

    page.keyboard.press(key)
    expect(light).to_be_focused()
    tab_to(page, page.get_by_role("button", name="Show or hide the menu"))
    expect(light).to_be_hidden()


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_menus_of_a_narrow_screen_open_and_close_by_keys(visit: Open, key: str) -> None:  # noqa: F811
    page = visit(width=375).open(a_webhook_page())
    actions = page.get_by_role("button", name="Actions")
    action = page.locator("#header-inner").get_by_role("link", name="Send a test")
    tab_to(page, actions)
    page.keyboard.press(key)
    expect(action).to_be_visible()
    assert page.url.endswith("/change/")
    page.keyboard.press("Escape")
    expect(action).to_be_hidden()
    expect(actions).to_be_focused()
    page.keyboard.press(key)
    expect(page.locator(HEAD_LINKS).first).to_be_focused()
    tab_to(page, action)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Post")).to_be_focused()
    page.keyboard.press("Escape")
    expect(action).to_be_focused()

    sidebar = page.locator("#nav-sidebar-inner")
    home = sidebar.get_by_role("link", name="Home")
    toggle = page.locator("#header-inner").get_by_role("button", name="Show or hide the menu")
    toggle.focus()
    page.keyboard.press(key)
    expect(home).to_be_focused()
    tab_to(page, sidebar.get_by_role("link", name="Dashboard"))
    page.keyboard.press("Escape")
    expect(sidebar).to_be_hidden()
    expect(toggle).to_be_focused()
    page.keyboard.press(key)
    expect(home).to_be_focused()
    tab_to(page, sidebar.get_by_role("button", name="Close"))
    page.keyboard.press(key)
    expect(sidebar).to_be_hidden()
    expect(toggle).to_be_focused()


def test_the_menu_beside_a_choice_is_entered_and_left_by_keys(visit: Open) -> None:  # noqa: F811
    page = visit().open(reverse("admin:campaigns_campaign_add"))
    toggle = page.locator("[data-id=related-widget-wrapper-mailing_list] [aria-expanded]")
    entry = page.locator("#add_id_mailing_list")
    toggle.focus()
    page.keyboard.press("Enter")
    expect(entry).to_be_focused()
    page.keyboard.press("Escape")

    expect(entry).to_be_hidden()
    expect(toggle).to_be_focused()
