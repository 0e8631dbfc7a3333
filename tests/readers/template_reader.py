r"""template_reader.py LINES JSON: reads what the template of `FIELDS`, joined by tabulators, gives and compares it with the items."""
import sys

from common import compare, identifier, items, shown, values

NAMES = ["host", "plugin", "plugin_instance", "type", "type_instance"]

with open(sys.argv[1], encoding="utf-8", newline="\n") as file:
    found = [line[:-1].split("\t") for line in file if not line.startswith("[refused]")]

expected = []
for item in items(sys.argv[2]):
    if item["kind"] != "values":
        continue
    for kind, source, value in values(item):
        row = [*(shown(item[name]) for name in NAMES), identifier(item), item["time"], item["interval"] or ""]
        expected.append([*row, value, shown(source), kind, item["security"], shown(item["user"] or ""), item["from"] or ""])
for row, other in zip(found, expected):
    if other[8] is None and row[8] in ("nan", "inf", "-inf"):
        other[8] = row[8]
compare(found, expected)
