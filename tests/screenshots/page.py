#!/usr/bin/env python3
"""Makes a picture of the page at an address, once there is something on it.

    page.py URL light|dark WIDTH HEIGHT PICTURE.png
"""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "page"))
from browser import Browser


def main():
    url, scheme, width, height, picture = sys.argv[1:]
    browser = Browser(int(width), int(height))
    try:
        browser.colours(scheme)
        browser.open(url)
        browser.until("charts", "document.querySelectorAll('canvas').length > 0")
        # Whatever comes piece by piece is there then.
        time.sleep(4)
        browser.picture(picture)
        if browser.problems:
            sys.exit(f"the page complains: {browser.problems}")
    finally:
        browser.close()


main()
