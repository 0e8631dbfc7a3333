"""What the readers of formats share: the items as JSON has them, and how text is shown where a format cannot hold all of it."""
import json
import sys
import unicodedata


def items(path):
    """The objects of a file of JSON lines; numbers stay text, because a float does not hold them all."""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line, parse_float=str, parse_int=str) for line in file]


def is_unsafe(character):
    code = ord(character)
    return (
        unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Co")
        # Not assigned, or only of late, and as invisible as their neighbours.
        or code == 0x2065
        or 0x13430 <= code <= 0x1345F
        or 0xFFF0 <= code <= 0xFFFB
        or code in (0xFFFE, 0xFFFF)
        or code >= 0xE0000
    )


def shown(text):
    """Text with what could harm a reader of lines in ASCII."""
    escape = lambda c: f"\\x{ord(c):02x}" if ord(c) < 0x80 else f"\\u{{{ord(c):x}}}"
    return "".join(escape(c) if is_unsafe(c) else c for c in text)


def identifier(item):
    """collectd's form, without what is not there."""
    text = shown(item["host"])
    for name, instance in (("plugin", "plugin_instance"), ("type", "type_instance")):
        if item[name] or item[instance]:
            text += "/" + shown(item[name])
            if item[instance]:
                text += "-" + shown(item[instance])
    return text


def values(item):
    """The values with their kinds and names."""
    return zip(item["dstypes"], item["dsnames"], item["values"])


def same(number, expected, kind):
    """Whether two texts are the same number, to the last bit. JSON has null for what is not finite."""
    if expected is None:
        return float(number) != float(number) or float(number) in (float("inf"), float("-inf"))
    return float(number) == float(expected) if kind == "gauge" else int(number) == int(expected)


def compare(found, expected):
    """Says how many agree, in order, and ends."""
    bad = [(f, e) for f, e in zip(found, expected) if f != e]
    for pair in bad[:10]:
        print("found    %r\nexpected %r" % pair)
    failed = len(bad) + abs(len(found) - len(expected))
    if len(found) != len(expected):
        print(len(found), "found,", len(expected), "expected")
    good = len(expected) - len(bad)
    print(f"{good} passed, {failed} failed")
    sys.exit(failed > 0 or good == 0)
