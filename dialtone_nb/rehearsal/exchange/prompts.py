"""What is heard on a line: words, sounds, tones and silence."""

from __future__ import annotations

from collections.abc import Sequence

from dialtone_nb.rehearsal.exchange.lines import Line
from dialtone_nb.rehearsal.exchange.verbs import Pause, Play, Prompt, Say


def play_prompts(line: Line, prompts: Sequence[Prompt]) -> None:
    """Let prompts be heard, each as often as it says."""
    for prompt in prompts:
        match prompt:
            case Say(text, loop):
                for _ in range(loop):
                    line.say(text)
            case Play(url, digits, loop):
                for _ in range(loop):
                    if digits:
                        line.play_digits(digits)
                    else:
                        line.play(url)
            case Pause(length):
                line.pause(length)
