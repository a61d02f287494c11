"""The exchange: who may call, what rings, how long; it carries TwiML out and knows nothing of HTTP but webhooks.

A live call is a state machine in two tables: the statuses of its record stand above `call_log`, and the signals that
stop what it is doing above `call`. Read the modules in this order:

1. How a call begins and ends: `exchange`, `call_setup` (who is let in; what the API asks for), `sip_registrations`,
   `call_lifecycle` (from the first document to the last), `call`, `call_log`, `call_json`.
2. What TwiML says: `verbs` (as data), `twiml_parser`, `webhooks` and `twiml_requests` (asking the application for it).
3. What TwiML does: `interpreter` (a document), `dial` with `target_checks`, `enqueue` with `queues`, `recordings`.
4. What takes time: `lines` (what the above needs of telephones), and as a simulation of them `simulated_behaviour`,
   `simulated_lines` and `simulated_time`. Real telephones are another package, `rehearsal.sip`.
"""
