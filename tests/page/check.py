"""Looks at the page in a browser, and tells what is not as it should be.

Usage: check.py ADDRESS AXE FOLDER: the address of the page, the file axe.min.js, and where to leave pictures.

What it shows is made by tests/page.rs: web01 and web02 send a load and octets of an interface twice a second until the host
quiet01 is missing and longer; somebody sends hostile names, and packets that are refused.
"""

import json
import sys
import urllib.parse

from browser import Browser, wait_for

address, axe, folder = sys.argv[1:]
# Without the hostile ones, of which there are thousands.
HONEST = 'host in ("web01", "web02", "quiet01")'
of_web01 = f"{address}?{urllib.parse.urlencode({'filter': HONEST, 'at': 'web01'})}"
browser = Browser()


def check(what, is_so, *more):
    if not is_so:
        raise AssertionError(f"{what}: {more}")
    print(f"ok {what}")


def text(selector):
    return browser.run(f"document.querySelector({json.dumps(selector)})?.textContent ?? null")


def click(selector):
    browser.run(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.focus(); e.click(); }})()")


def value(title):
    """The first value beside a chart."""
    return browser.run(f"""[...document.querySelectorAll('.chart')].find((chart) =>
        chart.querySelector('h3').textContent === {json.dumps(title)})?.querySelector('.legend .value')?.textContent ?? null""")


def ink(title):
    """What is drawn of a chart."""
    return browser.run(f"""(() => {{
        const chart = [...document.querySelectorAll('.chart')].find((chart) => chart.querySelector('h3').textContent === {json.dumps(title)});
        const canvas = chart?.querySelector('canvas');
        if (!canvas) return null;
        return canvas.toDataURL();
    }})()""")


def titles():
    return browser.run("[...document.querySelectorAll('.chart h3')].map((title) => title.textContent)")


def search():
    return urllib.parse.parse_qs(browser.run("location.search").lstrip("?"))


def fill(filter):
    """Types into the filter."""
    browser.run(f"""(() => {{ const input = document.querySelector('#filter'); input.value = {json.dumps(filter)};
        input.dispatchEvent(new Event('input')); }})()""")


def violations():
    return browser.run("""axe.run().then(({violations}) =>
        violations.map(({id, nodes}) => [id, nodes.slice(0, 3).map((node) => node.html + ' ' + node.failureSummary)]))""")


def charts_move():
    first = wait_for("a chart of web01", lambda: value("web01/load/load"))
    drawn = ink("web01/load/load")
    wait_for("another value", lambda: value("web01/load/load") != first)
    wait_for("another picture", lambda: ink("web01/load/load") != drawn)
    check("charts move", len(ink("web01/load/load")) > 2000, ink("web01/load/load"))
    browser.until("a rate of octets", "[...document.querySelectorAll('.legend .value')].some((e) => e.textContent.endsWith('KiB/s'))")


def filter_works():
    fill("host == 5")
    browser.until("an error", "document.querySelector('#filter-error').textContent.startsWith('column 9: ')")
    check("a wrong filter is marked", browser.run("document.querySelector('#filter').getAttribute('aria-invalid')") == "true")
    check("and changes nothing", len(titles()) > 2 and search()["filter"] == [HONEST], titles())
    fill('plugin == "load" and host == "web02"')
    wait_for("one chart", lambda: titles() == ["web02/load/load"])
    check("the filter works", text("#filter-error") == "" and search()["filter"] == ['plugin == "load" and host == "web02"'])
    hosts = "[...document.querySelectorAll('#tree > li')].map((item) => item.dataset.name)"
    check("and leaves hosts out", browser.run(hosts) == ["web02"], browser.run(hosts))
    fill(HONEST)
    wait_for("all charts", lambda: len(titles()) > 2)


def missing_host_is_marked():
    browser.until("quiet01 to be missing", """document.querySelector('#tree > li[data-name="quiet01"]')?.classList.contains('missing')""")
    about = text('#tree > li[data-name="quiet01"] .about')
    check("a missing host is marked", about.startswith("missing for "), about)
    news = "[...document.querySelectorAll('#notifications li')].map((item) => item.textContent).join('|')"
    browser.until("a notification of it", f"{news}.includes('quiet01missing: nothing heard for')")
    check("and others are not", browser.run("document.querySelectorAll('#tree > li.missing').length") >= 1
          and not browser.run("""document.querySelector('#tree > li[data-name="web01"]').classList.contains('missing')"""))


def chosen_is_in_the_address():
    click('#tree > li[data-name="web01"] > .row > .open')
    browser.until("plugins of web01", """!!document.querySelector('#tree li[data-name="web01/load"]')""")
    click('#tree li[data-name="web01/load"] > .row > .open')
    browser.until("series of web01", """!!document.querySelector('#tree li[data-name="web01/load/load"]')""")
    click('#tree li[data-name="web01/load/load"] button')
    browser.run("document.querySelector('#window').value = '900'; document.querySelector('#window').dispatchEvent(new Event('change'))")
    click("#raw")
    click("#pause")
    overlay = "[...document.querySelectorAll('.chart')].find((c) => c.textContent.startsWith('web01/interface')).querySelector('.head button')"
    browser.run(f"{overlay}.click()")
    wait_for("a chart of all hosts", lambda: "all hosts: interface-eth0/if_octets" in titles())
    browser.until("a line of each host", """['web01 rx', 'web02 tx'].every((name) => [...document.querySelectorAll('.legend .name')].some((e) => e.textContent === name))""")
    before, address_before = titles(), browser.run("location.href")
    expected = {"filter": [HONEST], "pin": ["web01/load/load"], "overlay": ["interface-eth0/if_octets"], "at": ["web01"], "open": ["web01", "web01/load"],
                "window": ["900"], "raw": ["1"], "pause": ["1"]}
    check("what is chosen is in the address", search() == expected, search())
    browser.call("Page.navigate", url="about:blank")
    browser.call("Page.navigate", url=address_before)
    wait_for("the same charts", lambda: titles() == before)
    pressed = "['#raw', '#pause'].map((id) => document.querySelector(id).getAttribute('aria-pressed')).join() + document.querySelector('#window').value"
    check("and is restored from it", browser.run(pressed) == "true,true900", browser.run(pressed))
    check("with the tree", browser.run("""document.querySelector('#tree li[data-name="web01/load/load"] button').getAttribute('aria-pressed')""") == "true")
    browser.call("Page.navigate", url=of_web01)
    browser.until("a new page", "document.readyState === 'complete' && !location.search.includes('pin=')")


def zoom_is_of_all_charts():
    wait_for("charts", lambda: value("web01/load/load"))
    places = browser.run("(() => { document.querySelector('#charts').scrollIntoView(); const box = document.querySelector('.chart .u-over').getBoundingClientRect(); return [box.left, box.top, box.width, box.height]; })()")
    left, top, width, height = places
    browser.drag((left + width * 0.5, top + height / 2), (left + width * 0.9, top + height / 2))
    browser.until("a zoom", "new URLSearchParams(location.search).has('from')")
    check("dragging zooms", float(search()["to"][0]) - float(search()["from"][0]) < 200, search())
    browser.run("document.querySelector('.chart .plot').focus()")
    browser.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowLeft", code="ArrowLeft")
    cursors = "[...document.querySelectorAll('.chart .u-cursor-x')].filter((e) => !e.classList.contains('u-off')).length"
    browser.call("Input.dispatchKeyEvent", type="keyDown", key="Escape", code="Escape")
    browser.until("the end of the zoom", "!new URLSearchParams(location.search).has('from')")
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=left + width * 0.95, y=top + height / 2)
    browser.until("a cursor in all charts", f"{cursors} > 1")
    browser.until("the time under it", "/\\d:\\d\\d/.test(document.querySelector('.chart .legend .name').textContent)")


def keyboard_reaches_all():
    wait_for("charts", lambda: value("web01/load/load"))
    browser.run("document.activeElement.blur(); scrollTo(0, 0)")
    reached = set()
    for step in range(60):
        if step == 30:
            # Nobody has to go through all hosts.
            browser.run("document.querySelector('.skip').click()")
        browser.tab()
        focused = browser.run("""(() => { const e = document.activeElement; const style = getComputedStyle(e);
            return [e.id || e.className || e.tagName, style.outlineStyle, parseFloat(style.outlineWidth)]; })()""")
        check_focus = focused[1] != "none" and focused[2] > 0
        if focused[0] != "BODY" and not check_focus:
            raise AssertionError(f"focus is not to be seen: {focused}")
        reached.add(focused[0])
    for name in ["skip", "filter", "window", "raw", "pause", "open", "name", "plot"]:
        check(f"the keyboard reaches {name}", name in reached, sorted(reached))


def hostile_names_are_harmless():
    fill(f"not {HONEST}")
    browser.until("hostile hosts", "document.querySelectorAll('#tree > li').length > 300")
    names = "[...document.querySelectorAll('#tree > li')].map((item) => item.dataset.name)"
    browser.run("[...document.querySelectorAll('#tree > li > .row > .open')].slice(0, 40).forEach((button) => button.click())")
    browser.until("their charts", "document.querySelectorAll('.chart').length > 5")
    check("names are text", browser.run("document.querySelectorAll('nav script, nav img, main script, main img, b, marquee').length") == 0)
    harmful = "/[\\p{C}\\p{Zl}\\p{Zp}]/u.test(document.body.innerText.replaceAll(/[\\n\\t]/g, ''))"
    check("nothing invisible or reordering is shown", browser.run(harmful) is False)
    check("they are escaped", browser.run(f"{names}.some((name) => name.includes('\\\\x1b'))"), browser.run(names)[:40])
    check("they did nothing", browser.run("globalThis.harmed === undefined && document.title === 'collectd-tap'"))
    width = browser.run("[document.documentElement.scrollWidth, innerWidth]")
    check("they do not burst the page", width[0] <= width[1], width)


def senders_have_reasons():
    browser.until("a refusal", "/part-length \\(\\d+\\)/.test(document.querySelector('#senders').textContent)")
    check("senders are there with what was refused", text("#senders td").count(".") == 3, text("#senders"))
    check("and counted at the top", "refused" in text("#figures") and "packets/s" in text("#figures"), text("#figures"))


def is_accessible(where):
    for scheme in ["light", "dark"]:
        browser.colours(scheme)
        browser.run("new Promise((done) => setTimeout(done, 300))")
        found = violations()
        check(f"accessible in {scheme}, {where}", found == [], json.dumps(found, indent=1))
        browser.picture(f"{folder}/{where}-{scheme}.png".replace(" ", "-"))
    browser.colours("light")


def fits_a_phone():
    browser.resize(390, 844)
    browser.run("new Promise((done) => setTimeout(done, 1200))")
    width = browser.run("[document.documentElement.scrollWidth, innerWidth]")
    check("nothing is wider than a phone", width[0] <= width[1], width)
    is_accessible("on a phone")
    browser.resize(320, 600)
    browser.run("new Promise((done) => setTimeout(done, 1200))")
    width = browser.run("[document.documentElement.scrollWidth, innerWidth]")
    check("nor than a small one", width[0] <= width[1], width)
    browser.resize(1280, 900)


def all_is_from_here():
    asked = browser.requests
    check("all was asked of the page's server", len(asked) > 10 and all(url.startswith((address, "data:", "about:")) for url in asked),
          [url for url in asked if not url.startswith(address)])
    check("nothing went wrong in the page", browser.problems == [], browser.problems)


try:
    browser.open(of_web01)
    with open(axe) as file:
        script = file.read()
    browser.call("Page.addScriptToEvaluateOnNewDocument", source=script)
    browser.call("Page.reload")
    browser.until("axe", "globalThis.axe !== undefined && document.readyState === 'complete'")
    charts_move()
    senders_have_reasons()
    missing_host_is_marked()
    is_accessible("with charts")
    filter_works()
    zoom_is_of_all_charts()
    chosen_is_in_the_address()
    keyboard_reaches_all()
    fits_a_phone()
    hostile_names_are_harmless()
    # Those of a single octet: a judgement of thousands of hosts takes too long.
    fill('type ~ "a?z"')
    browser.until("fewer hosts", "(() => { const count = document.querySelectorAll('#tree > li').length; return count > 20 && count < 300; })()")
    is_accessible("with hostile names")
    all_is_from_here()
except BaseException:
    browser.picture(f"{folder}/failed.png")
    print("problems:", browser.problems)
    raise
finally:
    browser.close()
