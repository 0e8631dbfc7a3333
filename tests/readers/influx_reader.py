"""influx_reader.py LINES JSON: reads the lines with the module line_protocol_parser and compares them with the items."""
import re
import sys

from line_protocol_parser import parse_line

from common import compare, items, shown, values

TAGS = [("host", "host"), ("instance", "plugin_instance"), ("type", "type"), ("type_instance", "type_instance")]


def name(text):
    """A backslash at the end would escape what follows."""
    text = shown(text)
    return text[:-1] + "\\x5c" if text.endswith("\\") else text


def measurement(plugin):
    plugin = name(plugin)
    return "\\x23" + plugin[1:] if plugin.startswith("#") else plugin


def nanoseconds(time):
    """Exactly, by way of units of 2^-30 s; None after the year 2262."""
    whole, _, fraction = time.partition(".")
    scale = 10 ** len(fraction)
    units = ((int(whole + fraction) << 31) // scale + 1) // 2
    total = (units * 10**9 + 2**29) >> 30
    return total if total < 2**63 else None


def point(line):
    """The module refuses floats below the normal ones, which strtod(3) reports, so it gets another one there."""
    tiny = re.search(r" value=(-?[0-9.]+e-3[0-9]+) [0-9]+$", line)
    read = parse_line(line.replace(" value=" + tiny[1], " value=0.5") if tiny else line)
    if tiny:
        read["fields"]["value"] = float(tiny[1])
    return read


with open(sys.argv[1], encoding="utf-8", newline="\n") as file:
    found = [point(line[:-1]) for line in file if not line.startswith("# refused")]
for point in found:
    value = point["fields"].get("value")
    point["type"] = type(value).__name__

expected = []
for item in items(sys.argv[2]):
    if item["kind"] == "reject" or (time := nanoseconds(item["time"])) is None:
        continue
    if item["kind"] == "notification":
        keys = [TAGS[0], ("plugin", "plugin"), *TAGS[1:]]
        tags = {tag: name(item[key]) for tag, key in keys if item[key]} | {"severity": item["severity"]}
        fields = {"message": shown(item["message"])}
        expected.append(
            {"measurement": "notification", "tags": tags, "fields": fields, "time": time, "type": "NoneType"}
        )
        continue
    tags = {tag: name(item[key]) for tag, key in TAGS if item[key]}
    for kind, source, value in values(item):
        if value is None:
            continue
        number = float(value) if kind == "gauge" else int(value)
        expected.append(
            {
                "measurement": measurement(item["plugin"]) + "_" + name(source),
                "tags": tags,
                "fields": {"value": number},
                "time": time,
                "type": type(number).__name__,
            }
        )
compare(found, expected)
