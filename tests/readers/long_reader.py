"""long_reader.py LINES JSON: reads the lines for people and compares them with the items."""
import re
import sys

from common import compare, identifier, items, same, shown, values

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")
WORDS = {"failure": "FAILURE", "warning": "WARNING", "okay": "OKAY"}

with open(sys.argv[1], encoding="utf-8", newline="\n") as file:
    lines = [line[:-1] for line in file]
blocks = []
for line in lines:
    if line.startswith("  "):
        blocks[-1].append(line[2:])
    elif not line.startswith("[refused]"):
        date = DATE.match(line)
        assert date, line
        blocks.append([line[date.end() :]])

found, expected = [], []
everything = [item for item in items(sys.argv[2]) if item["kind"] != "reject"]
for block, item in zip(blocks, everything):
    name = identifier(item)
    if item["kind"] == "notification":
        name += " " + WORDS[item["severity"]]
    aside = [f"every {item['interval']} s"] if item.get("interval") else []
    aside += [f"from {item['from']}"] if item["from"] else []
    if item["security"] != "none":
        aside += [item["security"] + (f" by {shown(item['user'])}" if item["user"] else "")]
    name += "  " + ", ".join(aside) if aside else ""
    if item["kind"] == "notification":
        found.append(block)
        expected.append([name, shown(item["message"])])
        continue
    found.append(block[:1])
    expected.append([name])
    assert len(block) == len(item["values"]) + 1, block
    widest = max(len(shown(source)) for source in item["dsnames"])
    for line, (kind, source, value) in zip(block[1:], values(item)):
        start = shown(source).ljust(widest) + "  "
        number = line[len(start) :].split(" ")[0]
        found.append((line[: len(start)], same(number, value, kind)))
        expected.append((start, True))
assert len(blocks) == len(everything), (len(blocks), len(everything))
compare(found, expected)
