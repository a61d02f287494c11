"""The SIP door: telephones that other people built register to the rehearsal and call through it, by RFC 3261.

In reading order: what arrives (`endpoint`, `transport`, `messages`, `transactions`); who registers (`registrar`,
`location_service`, with `admission` and `digest`); who calls (`invite`, `uas`, `dialogs`); how others are rung
(`forking`, `uac`, `built_in_network`); how a call's TwiML meets its phones (`phone_line`, `bridge`, `media`); and what
is shown of it all (`journal`, `progress_page`). `address` is what a person writes, `real_time` this machine's clock.
"""
