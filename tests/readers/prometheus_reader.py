"""prometheus_reader.py EXPOSITION JSON: reads the exposition with Prometheus' own module for Python and compares its samples with
what collectd_exporter's rules make of the items, and with the latest value of each."""
import re
import sys

from prometheus_client.parser import text_string_to_metric_families

from common import compare, items, shown, values


def word(text, good="[^a-zA-Z0-9_:]"):
    # What is not UTF-8 is four characters in JSON and one in a name.
    return re.sub(good, "_", re.sub(r"\\x[0-9a-f]{2}", "_", text))


def label(plugin):
    name = word(plugin, "[^a-zA-Z0-9_]")
    return "plugin_" + name if name in ("type", "instance") or re.match("__|[0-9]", name) else name


with open(sys.argv[1], encoding="utf-8", newline="\n") as file:
    text = file.read()
found = {}
kinds = {}
for family in text_string_to_metric_families(text):
    for sample in family.samples:
        key = (sample.name, tuple(sorted(sample.labels.items())))
        assert key not in found, key
        found[key] = sample.value
        kinds[sample.name] = family.type

expected, times, types = {}, {}, {}
for item in items(sys.argv[2]):
    if item["kind"] != "values":
        continue
    labels = {"instance": shown(item["host"])}
    if item["plugin_instance"]:
        labels[label(item["plugin"])] = shown(item["plugin_instance"])
    if item["type_instance"]:
        labels["type" if item["plugin_instance"] else label(item["plugin"])] = shown(item["type_instance"])
    for kind, source, value in values(item):
        name = "collectd_" + ("" if item["plugin"] == item["type"] else word(item["plugin"]) + "_") + word(item["type"])
        name += "" if source == "value" else "_" + word(source)
        type_ = "gauge"
        if kind in ("counter", "derive"):
            name, type_ = name + "_total", "counter"
        if types.setdefault(name, type_) != type_:
            continue
        key = (name, tuple(sorted(labels.items())))
        # Times of this size differ in the last digits of their text alone.
        time = [int(part) for part in (item["time"] + ".0").split(".")[:2]]
        time[1] = int((item["time"] + ".0").split(".")[1].ljust(10, "0"))
        if times.get(key, [0, 0]) <= time:
            expected[key], times[key] = value, time

same = lambda number, other: number == float(other) if other is not None else number - number != 0
bad = [key for key in expected if key not in found or not same(found[key], expected[key])]
for key in bad[:10]:
    print("found", found.get(key), "expected", expected[key], key)
found = {key: found[key] for key in found if key not in bad}
assert all(kinds[name] == types[name] for name in kinds), "types of families"
compare(sorted(found), sorted(expected))
