"""The SIP door: real telephones register with the rehearsal and call through it (RFC 3261).

In reading order: messages (`endpoint`, `transport`, `messages`, `transactions`); registrations (`registrar`,
`location_service`, with `admission` and `digest`); calls by phones (`invite`, `uas`, `dialogs`); calls to phones
(`forking`, `uac`, `built_in_network`); TwiML and audio on phones (`phone_line`, `bridge`, `media`); and what phones did
(`journal`, `progress_page`). `address` parses addresses that people write, `real_time` couples the clocks.
"""
