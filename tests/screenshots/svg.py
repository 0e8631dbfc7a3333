#!/usr/bin/env python3
"""Draws a screen of a terminal, as `tmux capture-pane -e -p` prints it, as SVG.

    svg.py TITLE <screen >image.svg

Braille, blocks and lines are drawn, not written: fonts that have no good ones do not matter then.
"""
import re
import sys
from collections import defaultdict
from html import escape

WIDTH, HEIGHT, SIZE = 8.4, 17, 14
MARGIN, BAR = 10, 30
PAPER, INK = "#11151c", "#d5dae3"
COLOURS = [
    "#262c38", "#f0716b", "#8cc570", "#e5c07b", "#6cb1f2", "#c792ea", "#5cc7c9", "#c8ced9",
    "#6f7b8f", "#ff938d", "#a9e08c", "#f5d79a", "#93ccff", "#dfb0ff", "#86e3e4", "#ffffff",
]
# The dots of braille by their bits: column and row.
DOTS = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
# Lines by where they go from the middle: left, right, up, down.
LINES = {
    "─": "lr", "│": "ud", "┌": "rd", "┐": "ld", "└": "ru", "┘": "lu", "├": "rud", "┤": "lud", "┬": "lrd", "┴": "lru",
    "┼": "lrud", "╭": "rd", "╮": "ld", "╰": "ru", "╯": "lu", "╴": "l", "╵": "u", "╶": "r", "╷": "d", "━": "lr", "┃": "ud",
    "═": "lr", "║": "ud",
}


def indexed(number):
    """A colour of the 256."""
    if number < 16:
        return COLOURS[number]
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    number -= 16
    return "#" + "".join(f"{55 + 40 * level if level else 0:02x}" for level in (number // 36, number // 6 % 6, number % 6))


def short(number):
    """A tenth of a point is more than anybody sees."""
    return f"{number:.1f}".removesuffix(".0")


class Style:
    """What SGR sequences have made of it so far."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.ink = self.paper = None
        self.bold = self.dim = self.reverse = self.underline = False

    def apply(self, numbers):
        numbers = iter(numbers)
        for number in numbers:
            match number:
                case 0: self.reset()
                case 1: self.bold = True
                case 2: self.dim = True
                case 4: self.underline = True
                case 7: self.reverse = True
                case 22: self.bold = self.dim = False
                case 24: self.underline = False
                case 27: self.reverse = False
                case 38 | 48:
                    if next(numbers, 5) == 5:
                        colour = indexed(next(numbers, 7))
                    else:
                        colour = "#" + "".join(f"{next(numbers, 0):02x}" for _ in range(3))
                    if number == 38:
                        self.ink = colour
                    else:
                        self.paper = colour
                case 39: self.ink = None
                case 49: self.paper = None
                case _ if 30 <= number <= 37: self.ink = COLOURS[number - 30]
                case _ if 90 <= number <= 97: self.ink = COLOURS[number - 82]
                case _ if 40 <= number <= 47: self.paper = COLOURS[number - 40]
                case _ if 100 <= number <= 107: self.paper = COLOURS[number - 92]

    def seen(self):
        ink, paper = self.ink or INK, self.paper
        if self.reverse:
            ink, paper = paper or PAPER, ink
        return ink, paper, self.bold, self.dim, self.underline


def cells(line):
    """The characters of a line, each with how it looks."""
    style, place = Style(), 0
    while place < len(line):
        if line.startswith("\x1b[", place):
            end = place + 2
            while end < len(line) and not line[end].isalpha():
                end += 1
            if line[end:end + 1] == "m":
                style.apply([int(number or 0) for number in line[place + 2:end].replace(":", ";").split(";")])
            place = end + 1
        elif line[place] in "\x1b\x0e\x0f":
            place += 1
        else:
            yield line[place], style.seen()
            place += 1


class Picture:
    def __init__(self):
        self.papers, self.rects, self.texts = defaultdict(str), defaultdict(str), []
        self.dots, self.lines = defaultdict(str), defaultdict(str)

    def line(self, number, line):
        top, run = BAR + number * HEIGHT, []
        row = list(cells(line))
        for column, (character, look) in enumerate(row):
            left = MARGIN + column * WIDTH
            ink, paper, _, dim, _ = look
            if paper:
                self.papers[paper] += f"M{short(left)} {top}h{WIDTH}v{HEIGHT}h-{WIDTH}z"
            if self.draws(character, left, top, (ink, dim)):
                self.write(run, top)
                run = []
            elif run and run[-1][2] != look:
                self.write(run, top)
                run = [(left, character, look)]
            else:
                run.append((left, character, look))
        self.write(run, top)

    def draws(self, character, left, top, ink):
        """Whether a character is drawn."""
        code = ord(character)
        if 0x2800 <= code <= 0x28FF:
            for bit, (column, row) in enumerate(DOTS):
                if code >> bit & 1:
                    x, y = left + WIDTH * (0.25 + 0.5 * column), top + HEIGHT * (0.125 + 0.25 * row)
                    self.dots[ink] += f"M{short(x)} {short(y)}h0"
        elif 0x2581 <= code <= 0x2588:
            height = HEIGHT * (code - 0x2580) / 8
            self.rects[ink] += f"M{short(left)} {short(top + HEIGHT - height)}h{WIDTH}v{short(height)}h-{WIDTH}z"
        elif 0x2589 <= code <= 0x258F:
            width = WIDTH * (0x2590 - code) / 8
            self.rects[ink] += f"M{short(left)} {top}h{short(width)}v{HEIGHT}h-{short(width)}z"
        elif character in LINES:
            x, y = left + WIDTH / 2, top + HEIGHT / 2
            ends = {"l": f"H{short(left)}", "r": f"H{short(left + WIDTH)}", "u": f"V{top}", "d": f"V{top + HEIGHT}"}
            self.lines[ink] += "".join(f"M{short(x)} {short(y)}{ends[way]}" for way in LINES[character])
        else:
            return False
        return True

    def write(self, run, top):
        # Blanks side by side are one for whoever reads SVG, so each word stands for itself.
        for words in re.finditer(r"\S+( \S+)*", "".join(character for _, character, _ in run)):
            left, _, look = run[words.start()]
            self.words(words.group(), left, top, look)

    def words(self, text, left, top, look):
        ink, _, bold, dim, underline = look
        more = ""
        if ink != INK:
            more += f' fill="{ink}"'
        if bold:
            more += ' font-weight="bold"'
        if dim:
            more += ' opacity=".6"'
        if underline:
            more += ' text-decoration="underline"'
        self.texts.append(
            f'<text x="{short(left)}" y="{top + 13}" textLength="{short(len(text) * WIDTH)}"{more}>{escape(text)}</text>'
        )

    def svg(self, title, columns, rows):
        width, height = 2 * MARGIN + columns * WIDTH, BAR + rows * HEIGHT + MARGIN
        opacity = lambda dim: ' opacity=".6"' if dim else ""
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
            f'font-family="ui-monospace,\'DejaVu Sans Mono\',Menlo,Consolas,monospace" font-size="{SIZE}" fill="{INK}">'
        )
        yield f"<title>{escape(title)}</title>"
        yield f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>'
        for number, colour in enumerate(("#f0716b", "#e5c07b", "#8cc570")):
            yield f'<circle cx="{18 + 18 * number}" cy="15" r="5" fill="{colour}"/>'
        yield f'<text x="{width / 2:.0f}" y="19" text-anchor="middle" font-size="12" opacity=".6">{escape(title)}</text>'
        for colour, path in self.papers.items():
            yield f'<path fill="{colour}" d="{path}"/>'
        for (colour, dim), path in self.rects.items():
            yield f'<path fill="{colour}"{opacity(dim)} d="{path}"/>'
        for (colour, dim), path in self.lines.items():
            yield f'<path fill="none" stroke="{colour}"{opacity(dim)} d="{path}"/>'
        for (colour, dim), path in self.dots.items():
            yield f'<path stroke="{colour}"{opacity(dim)} stroke-width="2.4" stroke-linecap="round" d="{path}"/>'
        yield from self.texts
        yield "</svg>"


def main():
    lines = sys.stdin.read().rstrip("\n").split("\n")
    picture = Picture()
    for number, line in enumerate(lines):
        picture.line(number, line)
    columns = max(sum(1 for _ in cells(line)) for line in lines)
    print("\n".join(picture.svg(sys.argv[1], columns, len(lines))))


main()
