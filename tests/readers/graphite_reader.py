"""graphite_reader.py LINES JSON: reads the lines with carbon's own receiver and compares them with the items."""
import sys

from carbon.protocols import MetricLineReceiver

from common import compare, is_unsafe, items, values

REPLACED = '."\\:!,/();'


def component(text):
    # What is not UTF-8 is four characters in JSON and one here; names of the tests have no such four characters themselves.
    out, rest = "", text
    while rest:
        if len(rest) >= 4 and rest[:2] == "\\x" and all(c in "0123456789abcdef" for c in rest[2:4]):
            out, rest = out + "_", rest[4:]
            continue
        character, rest = rest[0], rest[1:]
        replace = character in REPLACED or character.isspace() or is_unsafe(character)
        out += "_" if replace else character
    return out


def seconds(time):
    """To the nearest, the half up."""
    whole, _, fraction = time.partition(".")
    return int(whole) + (bool(fraction) and int(fraction) * 2 >= 10 ** len(fraction))


class Receiver(MetricLineReceiver):
    def __init__(self):
        self.found = []
        self.peerName = "test"

    def metricReceived(self, metric, datapoint):
        self.found.append((metric, datapoint))


receiver = Receiver()
with open(sys.argv[1], "rb") as file:
    for line in file:
        before = len(receiver.found)
        receiver.lineReceived(line.rstrip(b"\n"))
        assert len(receiver.found) == before + 1, line

expected = []
for item in items(sys.argv[2]):
    if item["kind"] != "values":
        continue
    path = component(item["host"])
    for key, instance in (("plugin", "plugin_instance"), ("type", "type_instance")):
        path += "." + component(item[key])
        if item[instance]:
            path += "-" + component(item[instance])
    for kind, source, value in values(item):
        if value is not None:
            name = path + "." + component(source) if len(item["values"]) > 1 else path
            expected.append((name, (float(seconds(item["time"])), float(value))))
compare(receiver.found, expected)
