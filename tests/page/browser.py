"""A headless Chromium, driven through the DevTools protocol."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request

import websocket

PATIENCE = 30


class Browser:
    """A page of a browser of its own, with nothing of anybody's settings. Notes what it asks for and what goes wrong in it."""

    def __init__(self, width=1280, height=900):
        self.folder = tempfile.mkdtemp(prefix="page-")
        arguments = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        arguments += ["--disable-background-networking", "--disable-component-update", "--remote-allow-origins=*"]
        arguments += [f"--user-data-dir={self.folder}", "--remote-debugging-port=0", f"--window-size={width},{height}", "about:blank"]
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port = wait_for("the browser to start", self._port)
        targets = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
        address = next(target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page")
        self.socket = websocket.create_connection(address, timeout=PATIENCE)
        self.number = 0
        self.requests = []
        self.problems = []
        for domain in ["Page", "Runtime", "Network", "Log"]:
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def _port(self):
        path = os.path.join(self.folder, "DevToolsActivePort")
        lines = open(path).read().split() if os.path.exists(path) else []
        return lines[0] if lines else None

    def call(self, method, **parameters):
        """Calls a method of the protocol, and notes what happens meanwhile."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self._note(message.get("method"), message.get("params", {}))

    def _note(self, method, parameters):
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.problems.append(f"console: {parameters['args']}")
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.problems.append(f"log: {parameters['entry']['text']} {parameters['entry'].get('url', '')}")

    def run(self, script):
        """The value of an expression on the page; of a promise, what it becomes."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails'].get('exception', {}).get('description')}")
        return answer["result"].get("value")

    def until(self, what, script):
        """Waits until an expression is true, and returns what it is."""
        return wait_for(what, lambda: self.run(script))

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.until("the page to be there", f"document.readyState === 'complete' && location.href !== 'about:blank'")

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def colours(self, scheme):
        """`light` or `dark`."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def press(self, key, code=None, text=""):
        for kind in ["keyDown", "keyUp"]:
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key, text=text if kind == "keyDown" else "")

    def tab(self):
        codes = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
        for kind in ["rawKeyDown", "keyUp"]:
            self.call("Input.dispatchKeyEvent", type=kind, **codes)

    def drag(self, start, end):
        """Presses the mouse at a point, and lets it go at another."""
        for kind, (x, y), buttons in [("mouseMoved", start, 0), ("mousePressed", start, 1), ("mouseMoved", end, 1), ("mouseReleased", end, 0)]:
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=buttons, clickCount=1)

    def picture(self, path):
        import base64
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_for(what, look):
    """Waits until something is so, and returns it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"still waiting after {PATIENCE} s: {what}")
        time.sleep(0.05)
