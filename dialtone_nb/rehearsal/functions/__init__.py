"""Running deployed functions: the uploaded code on Node, with Twilio's rules for visibility and signatures.

A request passes through `front`, `deployed` (what is live at its URL), `function_request` (its signature and event) and
`node_processes`, which start Node isolated by `fence` and with the npm packages of `packages`.
"""
