"""A form over a runbook's parameters, in JupyterLab: its values hold for the cells that run from then on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dialtone_nb.display.banner import Banner
from dialtone_nb.display.parameters import Setting
from dialtone_nb.display.rendering import render, with_style
from dialtone_nb.display.widgets.box import show_box

Value = str | int | float | bool | list[str]
# Says what is wrong with these values, a line a fault; the same check as a run without anybody there.
Check = Callable[[Mapping[str, Value]], Sequence[str]]
# Takes these values over, and gives the page that stands above the form from now on.
Take = Callable[[Mapping[str, Value]], str]

_TAKEN = (
    "Applied. Cells that run from now on use these values; the outputs below were made with the earlier ones. "
    "Go to the next cell and choose Run, Run Selected Cell and All Below."
)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a parameter may be: a list to choose from, or suggestions for one that may be something else too."""

    values: tuple[str, ...]
    is_closed: bool = True


class Adjustable(Protocol):
    """What the form needs of an opened runbook."""

    @property
    def settings(self) -> Sequence[Setting]:
        """The parameters as they stand."""

    @property
    def choices(self) -> Mapping[str, Choices]:
        """What each parameter may be, where that is known."""

    @property
    def banner(self) -> Banner:
        """What the runbook says of itself."""

    @property
    def page(self) -> str:
        """The banner and the parameters under it, as HTML."""

    def faults_of(self, entered: Mapping[str, Value]) -> Sequence[str]:
        """What is wrong with these values, a line a fault."""

    def take(self, entered: Mapping[str, Value]) -> None:
        """Have these values from now on."""


def make_form(runbook: Adjustable) -> ParameterForm:
    """The form of an opened runbook, which has the form's values from then on."""

    def take(entered: Mapping[str, Value]) -> str:
        runbook.take(entered)
        return runbook.page

    # Consent is asked for under the plan that it is for.
    settings = [one for one in runbook.settings if one.name != "consent"]
    return ParameterForm(
        runbook.page, settings, runbook.choices, check=runbook.faults_of, take=take, text=runbook.banner.text()
    )


class ParameterForm:
    """The banner of a runbook with, under it, a field for each parameter and a button that takes their values."""

    def __init__(
        self,
        page: str,
        settings: Sequence[Setting],
        choices: Mapping[str, Choices],
        *,
        check: Check,
        take: Take,
        text: str = "",
    ) -> None:
        """A form that shows these settings, offers these choices, and passes what was entered to `check` and `take`."""
        self._page_html = page
        self._text = text
        self._settings = settings
        self._choices = choices
        self._check = check
        self._take = take
        self._before = {one.name: one.value for one in settings}

    def show(self) -> None:
        """Show the form as an output of the running cell; what is kept of it is the page above it."""
        page = {"text/plain": self._text, "text/html": with_style(self._page_html)}
        show_box(self.widget(), page)

    def widget(self) -> Any:
        """The form as an ipywidget, folded behind a button."""
        import ipywidgets

        self._page = ipywidgets.HTML(with_style(self._page_html))
        self._opener = ipywidgets.ToggleButton(
            description="Change parameters", icon="sliders", tooltip="show the form", layout={"width": "auto"}
        )
        self._fields = {one.name: self._field(one) for one in self._settings}
        self._button = ipywidgets.Button(description="Take these values", button_style="primary", disabled=True)
        self._said = ipywidgets.HTML()
        rows = [
            ipywidgets.HBox(
                [self._fields[one.name], ipywidgets.HTML(_help_html(one.help), layout={"flex": "1 1 12rem"})],
                layout={"align_items": "center", "flex_flow": "row wrap"},
            )
            for one in self._settings
        ]
        self._form = ipywidgets.VBox([*rows, self._button])
        self._form.layout.display = "none"
        self._opener.observe(self._on_opened, names="value")
        self._button.on_click(self._on_take)
        for field in self._fields.values():
            field.observe(self._on_changed, names="value")
        return ipywidgets.VBox([self._page, self._opener, self._form, self._said])

    def _field(self, one: Setting) -> Any:
        import ipywidgets

        layout = ipywidgets.Layout(width="26rem", max_width="100%", flex="0 1 auto")
        shared = {"description": one.name, "layout": layout, "style": {"description_width": "9.5rem"}}
        choices = self._choices.get(one.name)
        if isinstance(one.value, list):
            # One entry a line, since an entry may hold blanks and commas.
            return ipywidgets.Textarea(value="\n".join(one.value), rows=max(2, len(one.value)), **shared)
        if isinstance(one.value, bool):
            return ipywidgets.Checkbox(value=one.value, indent=True, **shared)
        if isinstance(one.value, int):
            return ipywidgets.IntText(value=one.value, **shared)
        if isinstance(one.value, float):
            return ipywidgets.FloatText(value=one.value, **shared)
        if choices and choices.is_closed and one.value in choices.values:
            return ipywidgets.Dropdown(options=choices.values, value=one.value, **shared)
        if choices:
            return ipywidgets.Combobox(options=choices.values, value=one.value, ensure_option=False, **shared)
        return ipywidgets.Text(value=one.value, **shared)

    def _entered(self) -> dict[str, Value]:
        """The fields' values that differ from those in force."""
        held = {name: self._held(name, field.value) for name, field in self._fields.items()}
        return {name: value for name, value in held.items() if value != self._before[name]}

    def _held(self, name: str, value: Value) -> Value:
        if isinstance(self._before[name], list):
            return [line.strip() for line in str(value).splitlines() if line.strip()]
        return value

    def _on_opened(self, change: Any) -> None:
        self._form.layout.display = "" if change["new"] else "none"

    def _on_changed(self, _: Any) -> None:
        # Faults are shown when the values are applied: until then somebody may be in the middle of a word.
        self._button.disabled = not self._entered()
        self._said.value = ""

    def _on_take(self, _: Any) -> None:
        entered = self._entered()
        if not entered:  # the second of two clicks
            return
        if faults := self._check(entered):
            self._said.value = _lines_html(faults, "stop")
            return
        self._page.value = with_style(self._take(entered))
        self._before |= entered
        self._button.disabled = True
        self._said.value = _lines_html([_TAKEN], "taken")


def _help_html(text: str) -> str:
    return with_style(render("words", words=text, is_heading=False))


def _lines_html(lines: Sequence[str], role: str) -> str:
    return with_style(render("notice", lines=lines, role=role, is_danger=False))
