"""csv_reader.py TABLE JSON: reads the table with Python's module csv and compares it with the items."""
import csv
import sys

from common import compare, items, shown, values

NAMES = ["host", "plugin", "plugin_instance", "type", "type_instance"]
HEADER = ["kind", "time", "interval", *NAMES, "ds", "dstype", "value", "severity", "message", "security", "user", "from"]

with open(sys.argv[1], encoding="utf-8", newline="") as file:
    raw = file.read()
assert raw.count("\n") == raw.count("\r\n") and raw.endswith("\r\n"), "lines end in CR LF"
with open(sys.argv[1], encoding="utf-8", newline="") as file:
    rows = list(csv.reader(file, strict=True))

expected = [HEADER]
for item in items(sys.argv[2]):
    if item["kind"] == "reject":
        what = f"[{item['cause']}] {item['detail']} at octet {item['offset']}"
        expected.append(["reject", *[""] * 11, shown(what), "", "", item["from"] or ""])
        continue
    start = [item["kind"], item["time"], item.get("interval") or "", *(shown(item[name]) for name in NAMES)]
    end = [item["security"], shown(item["user"] or ""), item["from"] or ""]
    if item["kind"] == "notification":
        expected.append([*start, "", "", "", item["severity"], shown(item["message"]), *end])
        continue
    for kind, name, value in values(item):
        expected.append([*start, shown(name), kind, value, "", "", *end])

# JSON has no NaN and no infinities; the table has.
for row, other in zip(rows, expected):
    if other[10] is None and row[10] in ("nan", "inf", "-inf"):
        other[10] = row[10]
compare(rows, expected)
