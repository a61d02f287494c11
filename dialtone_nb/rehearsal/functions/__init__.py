"""Deployed functions, running: the uploaded bytes on Node, behind Twilio's rules for visibility and signatures.

A request passes through `front`, `deployed` (what is live at its URL), `function_request` (its signature and event) and
`node_processes`, which start Node behind `fence` with the npm packages of `packages`.
"""
