"""A headless Chromium, driven through its DevTools protocol, to look at pages."""

import base64
import contextlib
import json
import pathlib
import shutil
import subprocess
import time
import urllib.request

#: Programs that are Chromium.
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")

#: Seconds that a browser may take to answer, on a machine that is busy.
PATIENCE = 60


def program():
    """The browser of this machine; None without one."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class Page:
    """A page of a browser, and all that it logged and asked for."""

    def __init__(self, socket):
        self.socket, self.count = socket, 0
        self.errors, self.requests = [], []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.count:
                assert "error" not in answer, answer
                return answer["result"]
            self.note(answer.get("method"), answer.get("params", {}))

    def note(self, event, about):
        if event == "Runtime.exceptionThrown":
            self.errors.append(str(about["exceptionDetails"])[:500])
        if event == "Runtime.consoleAPICalled" and about["type"] != "log":
            self.errors.append(str(about["args"])[:500])
        if event == "Log.entryAdded" and about["entry"]["level"] in (
            "error",
            "warning",
        ):
            self.errors.append(str(about["entry"])[:500])
        if event == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"][:200])

    def evaluate(self, expression):
        """Value of an expression of JavaScript, promises waited for."""
        done = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait_for(self, expression):
        end = time.monotonic() + PATIENCE
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"{expression} does not come true"
            time.sleep(0.05)

    def open(self, path, width=1400, height=1000):
        self.resize(width, height)
        self.errors.clear()
        self.requests.clear()
        self.call("Page.navigate", url=pathlib.Path(path).resolve().as_uri())
        self.wait_for("document.documentElement?.dataset.ready === 'true'")

    def resize(self, width, height):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def click(self, x, y):
        where = {"x": x, "y": y, "button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        # Plotly looks for what lies under the pointer every few milliseconds only, and
        # takes two clicks within 300 of them for a double click.
        time.sleep(0.5)
        self.call("Input.dispatchMouseEvent", type="mousePressed", **where)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", **where)

    def press(self, key, code):
        for kind in ("rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
            )

    def picture(self, path, height=None):
        """Write what is seen, or the page from its top as far as a height, as png."""
        size = self.evaluate("[innerWidth, document.documentElement.scrollHeight]")
        if height:
            self.resize(size[0], min(height, size[1]))
            time.sleep(1)
        content = self.call("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(content))


@contextlib.contextmanager
def browsing(folder):
    """A page of a browser that keeps its files, and downloads, in a folder."""
    import websocket

    command = [
        program(),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--remote-debugging-port=0",
        "--remote-allow-origins=*",
        f"--user-data-dir={folder / 'profile'}",
        "about:blank",
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, **quiet)
    try:
        port = _port(folder / "profile" / "DevToolsActivePort")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [one for one in json.load(answer) if one["type"] == "page"]
        socket = websocket.create_connection(
            pages[0]["webSocketDebuggerUrl"],
            timeout=PATIENCE,
            http_no_proxy=["127.0.0.1"],
        )
        try:
            yield Page(socket)
            with contextlib.suppress(Exception):
                socket.send(json.dumps({"id": 0, "method": "Browser.close"}))
                process.wait(10)
        finally:
            socket.close()
    finally:
        process.kill()
        process.wait()


def _port(path):
    end = time.monotonic() + PATIENCE
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < end, "the browser does not start"
        time.sleep(0.05)
    return int(path.read_text().split()[0])
