#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""zring-bench's HTML page as a browser sees it: rows, plots, layout, and nothing from outside."""

import json
import os
import re
import shutil
import sys
import tempfile
from html.parser import HTMLParser

from tap import check, command, done, run, skip

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-default-apps", "--disable-extensions", "--hide-scrollbars",
         "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND"]

# What a reader would see: does anything overflow its drawing, overlap, or stay invisible?
PROBE = """
<script>
const problems = [];
const box = e => e.getBoundingClientRect();
const name = e => `${e.tagName} '${e.textContent.slice(0, 40)}'`;
for (const svg of document.querySelectorAll('svg')) {
    const outer = box(svg);
    for (const e of svg.querySelectorAll('text, rect, circle, path')) {
        const b = box(e);
        if (b.left < outer.left - 1 || b.right > outer.right + 1 ||
            b.top < outer.top - 1 || b.bottom > outer.bottom + 1)
            problems.push(`${name(e)} leaves its drawing`);
    }
    for (const lane of svg.querySelectorAll('.lane')) {
        const texts = [...lane.querySelectorAll(':scope > text')].map(e => [e, box(e)]);
        texts.sort((a, b) => a[1].left - b[1].left);
        for (let i = 1; i < texts.length; i++)
            if (texts[i - 1][1].right > texts[i][1].left)
                problems.push(`${name(texts[i - 1][0])} runs into ${name(texts[i][0])}`);
        const bars = [...lane.querySelectorAll('.bar')];
        if (!bars.length || bars.some(e => box(e).width < 1 || box(e).height < 8))
            problems.push(`${name(lane)} has no visible bar`);
        if (bars.some(e => getComputedStyle(e).fill === getComputedStyle(svg.closest('figure'))
                .backgroundColor))
            problems.push(`${name(lane)} has the colour of the paper`);
    }
}
if (document.documentElement.scrollWidth > window.innerWidth)
    problems.push(`the page is ${document.documentElement.scrollWidth} wide`);
const paper = getComputedStyle(document.body).backgroundColor;
document.body.innerHTML = '';
document.body.setAttribute('data-probe', JSON.stringify({problems, paper}));
</script>
"""

program = sys.argv[2]
browser = next(filter(None, map(shutil.which, BROWSERS)), None)


class Page(HTMLParser):
    """Tags with their attributes, and the text inside some of them."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.row_heads = []
        self.text = []
        self._in_row_head = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self._in_row_head = tag == "th" and attrs.get("scope") == "row"
        if self._in_row_head:
            self.row_heads.append("")

    def handle_endtag(self, tag):
        self._in_row_head = False

    def handle_data(self, data):
        self.text.append(data)
        if self._in_row_head:
            self.row_heads[-1] += data

    def count(self, tag, **wanted):
        return sum(1 for name, attrs in self.tags if name == tag and all(
            value in attrs.get(key, "").split() for key, value in wanted.items()))


def browse(place, path, *flags):
    """Runs the browser with a profile of its own, in a namespace without network where it may."""
    wrap = ["unshare", "-Urn"] if run(["unshare", "-Urn", "true"]).returncode == 0 else []
    profile = tempfile.mkdtemp(dir=place)
    return run(wrap + [browser, *FLAGS, f"--user-data-dir={profile}", *flags, f"file://{path}"],
               timeout=120)


def page_of(place, kind):
    path = os.path.join(place, f"{kind}.html")
    ended = run([program, kind])
    if ended.returncode:
        raise SystemExit(f"{program} {kind}: status {ended.returncode}: {ended.stderr}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(ended.stdout)
    return path, ended.stdout


def missing_rows(page, report):
    """Every row in a table, every measured row a lane, each lane with a bar."""
    rows = report["results"]
    measured = [row for row in rows if "mpps" in row or "p50_ns" in row]
    latencies = [row for row in rows if "p50_ns" in row]
    groups = {(("latency" if "p50_ns" in row else row["name"].split("/")[0]), row["lab"])
              for row in measured if not row["name"].startswith("baseline/")}
    if sorted(page.row_heads) != sorted(row["name"] for row in rows):
        yield f"the tables name {page.row_heads}"
    for what, found, wanted in (
            ("drawings", page.count("svg", role="img"), len(groups)),
            ("lanes", page.count("g", **{"class": "lane"}), len(measured)),
            ("whiskers", page.count("path", **{"class": "whisker"}),
             len(measured) + len(latencies)),
            ("dots", page.count("circle", **{"class": "dot"}), 4 * len(latencies))):
        if found != wanted or not wanted:
            yield f"{found} {what}, not {wanted}"


def unlabelled(page):
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    for tag, attrs in page.tags:
        if tag == "svg" and attrs.get("aria-labelledby") not in ids:
            yield f"svg without a label: {attrs}"
        if tag == "html" and "lang" not in attrs:
            yield "html without a language"
    if page.count("caption") != page.count("table"):
        yield "a table without a caption"


def foreign(page, text):
    """Anything that would make a browser ask for another resource, or run a script."""
    for tag, attrs in page.tags:
        for key in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
            if key in attrs and attrs[key] != "data:,":
                yield f"<{tag} {key}={attrs[key]!r}>"
        if tag in ("script", "iframe", "object", "embed", "img"):
            yield f"<{tag}>"
        if any(key.startswith("on") for key in attrs):
            yield f"<{tag} {attrs}>"
    for pattern in (r"url\(", r"@import", r"https?://"):
        if re.search(pattern, text):
            yield f"{pattern} in the page"


def asked_for(place, path):
    """What the browser opened on the page's behalf; its own errands have no origin."""
    log = os.path.join(place, "net.json")
    browse(place, path, "--dump-dom", f"--log-net-log={log}")
    with open(log, encoding="utf-8") as file:
        events = json.load(file)["events"]
    requests = [event["params"] for event in events
                if {"url", "initiator"} <= set(event.get("params") or {})]
    return sorted({request["url"] for request in requests
                   if request["initiator"] != "not an origin"
                   and not request["url"].startswith("data:")})


def without_policy(place, name, text, addition):
    """A copy of the page that may load and run what is added to it."""
    path = os.path.join(place, name)
    text = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", text)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("</body>", addition + "</body>"))
    return path


def probed(place, text, width, scheme):
    """Problems of the layout, and the colour of the paper."""
    path = without_policy(place, f"probe-{width}-{scheme}.html", text, PROBE)
    ended = browse(place, path, "--dump-dom", f"--window-size={width},900",
                   f"--blink-settings=preferredColorScheme={scheme}")
    for tag, attrs in Page(ended.stdout).tags:
        if tag == "body" and "data-probe" in attrs:
            result = json.loads(attrs["data-probe"])
            return result["problems"], result["paper"]
    return ["the probe did not run"] + ended.stderr.splitlines()[-5:], None


def looked_at(place):
    path, text = page_of(place, "html")
    report = json.loads(run([program, "json"]).stdout)
    ended = browse(place, path, "--dump-dom")
    page = Page(ended.stdout)

    check("the page shows every row in a table and every measured one in a plot",
          missing_rows(page, report) if ended.returncode == 0 else ended.stderr)
    check("text that looks like HTML stays text",
          [] if "<script>alert('1')</script>" in "".join(page.text) else ["not on the page"])
    check("drawings and tables have labels", unlabelled(page))
    check("nothing from outside is named", foreign(page, text))
    check("nothing from outside is asked for", asked_for(place, path))
    spoilt = without_policy(place, "spoilt.html", text, "<img src='http://zring.invalid/a.png'>")
    seen = asked_for(place, spoilt)
    check("a request would be seen", [] if seen == ["http://zring.invalid/a.png"] else [str(seen)])

    shades = set()
    for scheme in (0, 1):
        for width in (1280, 420):
            problems, paper = probed(place, text, width, scheme)
            shades.add(paper)
            check(f"all is visible at {width} pixels on {paper}", problems)
    check("dark and light differ", [] if len(shades) == 2 else [str(shades)])

    picture = os.path.join(place, "page.png")
    browse(place, path, f"--screenshot={picture}", "--window-size=1280,900")
    size = os.path.getsize(picture) if os.path.exists(picture) else 0
    # A page of one colour packs into some 5 kB.
    check("the page can be pictured", [] if size > 30000 else [f"{size} bytes"])

    path, text = page_of(place, "empty")
    page = Page(browse(place, path, "--dump-dom").stdout)
    check("an empty report says so", [] if "Nothing was measured." in page.text else [text])


if browser:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        looked_at(scratch)
else:
    skip("the page in a browser", "no chromium (Debian's package: chromium)")
done()
