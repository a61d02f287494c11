"""Numbers that can be bought, with what they cost; the one that is chosen is written into clients.yaml."""

from __future__ import annotations

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.resources.phone_numbers import fetch_number_price, find_numbers
from dialtone_nb.report.table import Table
from dialtone_nb.runbooks.opening import Runbook
from dialtone_nb.values.phone_numbers import country_of, format_number

PATTERN = "0123456789*"


def tabulate_numbers(runbook: Runbook) -> Table:
    """One row a number of the phone's country that fits `find_numbers`, an area code or a pattern, with its price."""
    wanted = str(runbook.parameters.find_numbers)
    if not wanted:
        return Table.of(("number", "as people write it", "price"), [], "find_numbers is empty: nothing was looked for")
    # Twilio refuses one character, and wildcards in the middle are not dependable: 2 to 16 characters.
    if not 2 <= len(wanted) <= 16 or set(wanted) - set(PATTERN):
        raise InputError(
            Fault(
                "parameter find_numbers of client_setup",
                f"is {wanted!r}",
                'write an area code, such as "503", or a pattern of digits and *, such as "503555****"',
            )
        )
    phone = runbook.declared.clients.get(str(runbook.parameters.client))
    country = (country_of(phone.caller_id) if phone else "") or "US"
    numbers = find_numbers(runbook.account, wanted, country)
    price = fetch_number_price(runbook.account, country)
    rows = [(number, format_number(number), str(price or "unknown")) for number in numbers]
    note = "Write the one you choose into clients.yaml as the phone's caller_id, then name it in buy_number."
    return Table.of(("number", "as people write it", "price"), rows, note if rows else "none fits")
