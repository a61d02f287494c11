"""A JupyterLab server for a test, and a notebook in it as a user sees it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialtone_nb.cli.lab import lab_command, lab_environment

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

STARTS_WITHIN_S = 60
WAITS_MS = 60_000
# Playwright's default is each frame, and frames that nothing else asks for are drawn too.
LOOKS_EVERY_MS = 100
QUIET = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
}
IS_LOADED = "() => window.jupyterapp?.restored.then(() => true)"
IS_READY = """path => {
  const panel = window.jupyterapp?.shell.currentWidget;
  const kernel = panel?.context?.sessionContext?.session?.kernel;
  return panel?.context?.path === path && kernel?.status === "idle" && kernel.connectionStatus === "connected";
}"""
RUN_ALL = """within => Promise.race([
  jupyterapp.commands.execute("notebook:run-all-cells").then(() => "done"),
  new Promise(resolve => setTimeout(() => resolve("still running"), within)),
])"""
SAVE = """() => {
  const context = jupyterapp.shell.currentWidget.context;
  return context.save().then(() => context.path);
}"""
CLOSE = """path => Promise.all(
  [...(window.jupyterapp?.shell.widgets("main") ?? [])]
    .filter(panel => panel.context && (path === null || panel.context.path === path))
    .map(panel => panel.context.sessionContext.shutdown().then(() => panel.dispose()))
).then(() => null)"""
OUTPUTS = (
    "() => jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.sharedModel.toJSON().outputs ?? [])"
)


@contextmanager
def started_lab(root: Path) -> Iterator[str]:
    """The address of a JupyterLab on this folder, without token and on loopback; ended on leaving."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = root / ".jupyter"
    # No dialog but those that a test brings about: JupyterLab may take a save that is slow here for somebody else's.
    for plugin, settings in QUIET.items():
        file = own / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(settings))
    options = [
        *("--no-browser", "--expose-app-in-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        *("--IdentityProvider.token=", "--LabApp.news_url=", "--LabApp.extension_manager=readonly"),
    ]
    command, environment = lab_command(root, options), lab_environment(_environment(own))
    with (root / "jupyterlab.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_for(server, f"http://127.0.0.1:{port}/api", root / "jupyterlab.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                # It waits for kernels that do not end on a busy machine; what it serves is no longer of interest.
                server.kill()
                server.wait()


def _environment(own: Path) -> dict[str, str]:
    """The environment without settings of this user that would change what is shown, and without an account."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("DIALTONE_", "TWILIO_", "JUPYTER"))
    }
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    return {**kept, **{name: str(own / folder) for name, folder in folders.items()}}


def _wait_for(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return


@dataclass(frozen=True)
class OpenNotebook:
    """A notebook that is open in JupyterLab, its kernel ready; its path is below the server's folder."""

    page: Page
    path: str

    @property
    def panel(self) -> Locator:
        """The notebook's visible panel."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def run_all_from_the_menu(self) -> None:
        """Choose Run > Run All Cells, as a person does."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()

    def run_all(self) -> None:
        """Run all cells to their end, or to the first that fails."""
        assert self.page.evaluate(RUN_ALL, WAITS_MS) == "done"

    def run_cell(self, source: str) -> None:
        """Run the cell that contains this text, with the keyboard."""
        self.panel.locator(".jp-CodeCell .jp-InputArea-editor", has_text=source).last.click()
        self.page.keyboard.press("Control+Enter")

    def consent(self, word: str) -> None:
        """Type a word into the box under the plan and apply it, with the keyboard."""
        answer = self.panel.get_by_placeholder("type it here")
        answer.fill(word)
        apply = self.panel.get_by_role("button", name="Apply")
        self.page.wait_for_function("button => !button.disabled", arg=apply.element_handle())
        answer.press("Tab")
        self.page.keyboard.press("Enter")

    def restart_kernel(self) -> None:
        """Restart the kernel, as Kernel > Restart Kernel does once it is confirmed."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()")

    def execute(self, code: str) -> None:
        """Have the kernel execute code that is in no cell."""
        self.page.evaluate(
            "code => jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
            ".requestExecute({ code }).done.then(() => null)",
            code,
        )

    def save(self) -> str:
        """Save the notebook and return its path."""
        return str(self.page.evaluate(SAVE))

    def save_and_load_again(self) -> None:
        """Load the whole page again, as F5 does, once the notebook is saved."""
        self.save()
        self.page.reload()
        _wait_until(self.page, IS_LOADED)
        _show(self.page, self.path)

    def close(self) -> None:
        """End its kernel and close it without saving, if it is open: it would cost later tests time and memory."""
        self.page.evaluate(CLOSE, self.path)

    def outputs(self) -> list[dict[str, Any]]:
        """The outputs of all cells, as they would be saved."""
        return [output for outputs in self.page.evaluate(OUTPUTS) for output in outputs]

    def errors(self) -> list[str]:
        """The errors in the outputs."""
        return [json.dumps(output) for output in self.outputs() if output["output_type"] == "error"]


def close_all_notebooks(page: Page) -> None:
    """End all kernels and close their notebooks: a page that is loaded again would open them, too."""
    page.evaluate(CLOSE, None)


def open_notebook(page: Page, address: str, path: str, *, as_kept: bool = False) -> OpenNotebook:
    """A notebook by its path below the server's folder, once its kernel is ready; its outputs cleared, or `as_kept`."""
    if not page.url.startswith(address):
        page.goto(f"{address}/lab/workspaces/tests?reset")
        _wait_until(page, IS_LOADED)
    _show(page, path)
    # What it was kept with is not to be taken for what it shows now.
    if not as_kept:
        page.evaluate("() => jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    return OpenNotebook(page, path)


def _show(page: Page, path: str) -> None:
    page.evaluate("path => { jupyterapp.commands.execute('docmanager:open', { path }) }", path)
    _wait_until(page, IS_READY, path)


def _wait_until(page: Page, holds: str, given: str | None = None) -> None:
    page.wait_for_function(holds, arg=given, timeout=WAITS_MS, polling=LOOKS_EVERY_MS)
