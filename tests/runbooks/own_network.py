"""An operator's own network, with other environments, phones, numbers and rules than the sample's."""

from __future__ import annotations

import shutil
from pathlib import Path

from dialtone_nb.parameters import FILES
from tests.runbooks.conftest import ROOT

SAMPLE = ROOT / "parameters" / "sample"
NETWORK = """\
service: {name: ferngate}
environments: {lab: {protected: false}, live: {protected: true}}
sip_domain_prefix: ferngate
credential_list: ferngate
trunk: {uri: "sip:{context}@pbx.example.org", contexts: [desk]}
"""
# The first phone's name is an extension that YAML would read as 261; no phone has an emergency address.
CLIENTS = """\
0405: {environment: live, caller_id: "+442079460018", trunk_context: desk}
porch: {environment: live, caller_id: "+15035551234", trunk_context: desk}
"""
DIALPLAN = """\
rules:
- {name: desk, pattern: "*1", trunk: client}
- {name: abroad, pattern: "00.", pstn: "+{dialled:2}"}
- {name: home, pattern: "0.", pstn: "+44{dialled:1}"}
allowed_countries: [GB, GG, IM, JE]
refused_prefixes:
- {name: premium-rate, say: Not from here., prefixes: ["+449"]}
"""
OWN = dict(zip(FILES, (NETWORK, CLIENTS, DIALPLAN), strict=True))


def project_with(folder: Path, files: dict[str, str]) -> Path:
    """A project with our notebooks and the sample, and these files as its own network."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copytree(SAMPLE, folder / "parameters" / "sample")
    for name, text in files.items():
        (folder / "parameters" / name).write_text(text)
    return folder
