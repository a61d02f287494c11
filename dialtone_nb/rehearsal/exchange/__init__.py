"""The exchange: carries calls and executes their TwiML. Of HTTP it knows only webhooks.

A live call is a state machine in two tables: the statuses of its record are in the docstring of `call_log`, and the
signals that stop what it is doing in that of `call`. Read the modules in this order:

1. How a call begins and ends: `exchange`, `call_setup` (admission; the API's parameters), `sip_registrations`,
   `call_lifecycle` (from the first document to the last), `call`, `call_log`, `call_json`.
2. TwiML as data: `verbs`, `twiml_parser`, `webhooks` and `twiml_requests` (requesting it from the application).
3. Executing TwiML: `interpreter` (a document), `dial` with `target_checks`, `enqueue` with `queues`, `recordings`.
4. What takes time: `lines` (the interface to telephones), and its simulation in `simulated_behaviour`,
   `simulated_lines` and `simulated_time`. Real telephones are in another package, `rehearsal.sip`.
"""
